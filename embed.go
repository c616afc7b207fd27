// Package cybexp holds what the whole product has once: the schema of the graph, the language reference and the version. Everything else is in the
// packages below; the program is cmd/cybexp.
//
//	err := store.ApplySchema(ctx, cybexp.Schema)
package cybexp

import _ "embed"

// Version is the version of the product.
const Version = "0.1.0"

// Schema is the GraphQL schema of the graph, from which Dgraph also makes its predicates and indexes.
//
//go:embed schema.graphql
var Schema string

// Reference is the reference of the query language, Markdown.
//
//go:embed docs/tdql.md
var Reference string
