// Package dgraphd runs a Dgraph of our own: one zero and one alpha, children of this process, on loopback, with a data folder.
// It is the real engine, so Ratel and GraphQL work on it too. It knows nothing of the schema or of what is stored; that is
// package graph.
//
//	server, err := dgraphd.Start(ctx, dgraphd.Config{Bin: "bin/dgraph", Dir: "data/dgraph", Offset: dgraphd.AutoOffset})
//	if err != nil {
//		return err
//	}
//	defer server.Stop()
//	store, err := graph.Open(ctx, graph.Config{Target: server.Target()})
//
// A child that dies is started again. The children never outlive this process, however it ends (on Linux; elsewhere they
// outlive a SIGKILL, and the next Start waits for them and then refuses the folder).
package dgraphd
