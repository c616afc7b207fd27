// Package graph is the TAHOE graph in Dgraph: it applies the schema, writes instances, and runs queries. It knows neither TDQL,
// which makes the queries, nor where records come from.
//
// A hash is one vertex, however many writers there are and whenever they are killed; Write may be repeated at will.
//
//	store, err := graph.Open(ctx, graph.Config{Target: "dgraph://127.0.0.1:9080", Logger: log})
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//	if err := store.ApplySchema(ctx, cybexp.Schema); err != nil {
//		return err
//	}
//	added, err := store.Write(ctx, records)
//	page, ts, err := store.Query(ctx, q, 0)    // a new snapshot
//	next, _, err := store.Query(ctx, q2, ts)   // the same one
//
// Names of files: write.go queues and batches records, batch.go gathers a batch's vertices, resolve.go finds or makes their uids,
// quads.go spells them for Dgraph, marking.go who may see them; ledgers.go is what a write has to do with ledgers, keeper.go opens them, merge.go keeps them short;
// remove.go removes, announce.go tells writers what is about to go, plan.go finds out what goes, vanish.go spells it; judge.go sets categories
// and contexts for people, edit.go changes children, tree.go makes instances of vertices; schema.go applies the schema, upgrade.go brings a graph of
// an earlier version up to date, backup.go has Dgraph copy and restore it.
package graph
