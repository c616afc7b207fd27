// Package dql is the part of Dgraph's query language that the compiler of TDQL emits, as a value that prints.
//
// It is a model and a printer, not a parser and not a client. A [Query] is made of blocks, blocks of fields, and filters of
// calls; every value that came from outside stands in a [Var], so it can never become part of the text:
//
//	q := dql.Query{Name: "count"}
//	h := q.Bind("h", "4469…")
//	q.Blocks = append(q.Blocks, dql.Block{
//		Name: "r", Func: dql.Eq("hash", h),
//		Fields: []dql.Field{{Alias: "n", Name: "~ref", Count: true, Filter: dql.Eq("category", q.Bind("c", "malicious"))}},
//	})
package dql
