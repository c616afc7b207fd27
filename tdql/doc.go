// Package tdql is the Threat Data Query Language: it reads a query, checks it, and compiles it for Dgraph. It knows no
// database and does no input or output.
//
//	text ── Parse ──▶ Query ── Check ──▶ Plan ── Compile ──▶ Program
//	                    └─ String                 └─ Canonical, Hash, String
//
// A [Program] tells what to ask and folds the answers into rows:
//
//	query, err := tdql.Parse("count ipv4 1.1.1.1 last 7d by day")
//	plan, warnings, err := tdql.Check(query, tdql.Env{Now: time.Now(), Orgs: readable})
//	program, err := tdql.Compile(plan)
//	for x := program.Start(); ; {
//		q, ok := x.Next()
//		if !ok { break }
//		body, … := store.Query(ctx, q, snapshot)
//		rows, err := x.Take(body)
//	}
//
// Each file is named for its stage: token, grammar, shape (parse); format; plan, check, canonical (check); compile, program,
// fold (compile and run).
package tdql
