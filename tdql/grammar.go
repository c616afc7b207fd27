package tdql

import (
	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

// The grammar: these structs are the syntax tree. It is a little looser than the language. Clauses and options may stand in
// any order and after any stage, an argument may be missing, a word that belongs nowhere becomes a stray; shape.go then tells
// all that is wrong with them in one pass.

// Query is the syntax tree of a query.
type Query struct {
	Explain bool        `parser:"( @'explain'"`
	Analyze lexer.Token `parser:"  @'analyze'? )?"`
	Watch   lexer.Token `parser:"@'watch'?"`
	Report  *report     `parser:"( @@"`
	Source  *source     `parser:"| @@ )"`
	Stages  []*stage    `parser:"( '|' @@ )*"`

	text string // what was parsed; places point into it
}

// pipeline is a query in parentheses.
type pipeline struct {
	Source *source  `parser:"@@"`
	Stages []*stage `parser:"( '|' @@ )*"`
}

// report is a sentence: count, related, threatrank or path.
type report struct {
	Pos      lexer.Position
	Path     *pathReport `parser:"( @@"`
	Count    bool        `parser:"| ( @'count'"`
	Distinct bool        `parser:"    @'distinct'?"`
	Related  bool        `parser:"  | @'related'"`
	Rank     bool        `parser:"  | @'threatrank' )"`
	Source   *source     `parser:"  @@? )"`

	// Items are the source's, which belong to the sentence as a whole.
	Items []*item
}

// pathReport is the sentence that asks for the chains between two sets.
type pathReport struct {
	Pos  lexer.Position
	From *anchor `parser:"'path' @@?"`
	To   *route  `parser:"@@"`
}

// route is where chains lead. Without a target its place is that of the word path.
type route struct {
	Pos    lexer.Position
	Target *anchor `parser:"( 'to' @@? )?"`
	Items  []*item `parser:"@@*"`
}

// anchor names instances, and has no clauses of its own.
type anchor struct {
	Any   *values   `parser:"( 'any' @@"`
	Group *pipeline `parser:"| '(' @@ ')'"`
	ID    *idref    `parser:"| @@"`
	Attr  *attrref  `parser:"| @@ )"`
}

// source is the anchor as the start of a pipeline.
func (a *anchor) source() *source {
	return &source{Any: a.Any, Group: a.Group, ID: a.ID, Attr: a.Attr}
}

// source is where a pipeline starts.
type source struct {
	Pos   lexer.Position
	Any   *values   `parser:"( 'any' @@"`
	Group *pipeline `parser:"| '(' @@ ')'"`
	Scan  *hop      `parser:"| @@"`
	ID    *idref    `parser:"| @@"`
	Attr  *attrref  `parser:"| @@"`
	Other *rest     `parser:"| @@ )"`
	Items []*item   `parser:"@@*"`
}

// idref is an instance by hash.
type idref struct {
	Pos  lexer.Position
	Kind string  `parser:"@( 'attribute' | 'object' | 'event' | 'session' | 'raw' | 'instance' )"`
	Hash *values `parser:"@@?"`
}

// attrref is an attribute by value.
type attrref struct {
	SubType *name   `parser:"@@"`
	Values  *values `parser:"@@?"`
}

type values struct {
	List []*value `parser:"'(' @@ ( ',' @@ )* ')' | @@"`
}

// hop moves to neighbours; as a source it scans.
type hop struct {
	Pos      lexer.Position
	Kind     string  `parser:"@( 'attributes' | 'objects' | 'events' | 'sessions' | 'raws' )"`
	SubTypes []*name `parser:"( @@ ( ',' @@ )* )?"`
	Items    []*item `parser:"@@*"`
}

type stage struct {
	Pos      lexer.Position
	Hop      *hop       `parser:"  @@"`
	Route    *route     `parser:"| 'path' @@"`
	Related  bool       `parser:"| ( @'related'"`
	Count    bool       `parser:"  | @'count'"`
	Distinct bool       `parser:"    @'distinct'?"`
	Shape    string     `parser:"  | @( 'summary' | 'graph' )"`
	Rank     bool       `parser:"  | @'threatrank'"`
	Take     string     `parser:"  | @( 'top' | 'limit' | 'page' )"`
	Number   *value     `parser:"    @@?"`
	SubTypes []*name    `parser:"    ( @@ ( ',' @@ )* )?"`
	Sort     []*sortKey `parser:"  | 'sort' @@ ( ',' @@ )*"`
	Fields   []*word    `parser:"  | 'fields' @@ ( ',' @@ )*"`
	Where    *where     `parser:"  | 'where' @@ )"`
	Items    []*item    `parser:"  @@*"`
	Other    *rest      `parser:"| @@"`
}

type sortKey struct {
	Field *word `parser:"@@"`
	Desc  bool  `parser:"( @'desc' | 'asc' )?"`
}

// The tests of a where clause, loosest first.
type orTest struct {
	Terms []*andTest `parser:"@@ ( 'or' @@ )*"`
}

type andTest struct {
	Terms []*unary `parser:"@@ ( 'and' @@ )*"`
}

type unary struct {
	Not     []string `parser:"@'not'*"`
	Group   *orTest  `parser:"( '(' @@ ')'"`
	Context *word    `parser:"| (?= ( 'malicious' | 'benign' ) '(' ) @@ '('"`
	Inner   *test    `parser:"    @@ ')'"`
	Test    *test    `parser:"| @@ )"`
}

type test struct {
	Pos   lexer.Position
	Has   bool     `parser:"@'has'?"`
	Path  *path    `parser:"@@"`
	Op    *op      `parser:"( @@"`
	Regex string   `parser:"  ( @Regex"`
	Value *value   `parser:"  | @@ )?"`
	NotIn bool     `parser:"| @'not'?"`
	In    bool     `parser:"  @'in'"`
	List  []*value `parser:"  ( '(' @@ ( ',' @@ )* ')'"`
	Net   *value   `parser:"  | @@ )"`
	Match string   `parser:"| @( 'contains' | 'startswith' | 'endswith' | 'under' )"`
	With  *value   `parser:"  @@? )?"`
}

var (
	queryParser = buildParser[Query]()
	testParser  = buildParser[orTest]()
)

func buildParser[T any]() *participle.Parser[T] {
	return participle.MustBuild[T](participle.Lexer(symbols{}), participle.CaseInsensitive("Word"))
}
