// Package endtoend tests the platform as its users meet it: the built programs, started as processes, asked through the
// command line and HTTP, killed and started again. It has no code of its own.
package endtoend
