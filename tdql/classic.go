package tdql

// Classic reads the classic JSON form of a query into the same tree as text.
func Classic(qtype string, data []byte) (*Query, error) { return nil, nil }
