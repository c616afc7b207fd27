package dql

// Peek is the next byte that is no space.
func (a *Answer) Peek() byte { return a.peek() }
