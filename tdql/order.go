package tdql

// order sorts the rows.
type order struct{}
