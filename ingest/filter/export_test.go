package filter

// Normal is normal, for the tests.
var Normal = normal
