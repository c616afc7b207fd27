// Package stix writes rows of a report as a STIX 2.1 bundle, object by object as the rows come. It is pure: it reads no database and
// decides no rights. docs/stix.md says what becomes of what.
//
//	b := stix.NewBundle(w, report)
//	err := b.Begin()
//	err = b.Row(row) // for each
//	err = b.End()
package stix
