package filter

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cybexp/cybexp/tahoe"
)

// stixPattern is what can be taken from a STIX pattern: the comparisons that stand together, because AND is between them, in one group
// each. Whether one observation follows another, and within what time, is not in it.
//
//	[file:name = 'a.exe' AND file:size = 7] OR [url:value IN ('http://a/', 'http://b/')]
//	  =>  {file:name = 'a.exe', file:size = 7}, {url:value = 'http://a/', 'http://b/'}
type stixPattern struct {
	groups  [][]stixComparison
	partial bool // there is more to the pattern than equality
}

// stixComparison says that a property of an observable has one of the values.
type stixComparison struct {
	kind   string   // file
	steps  []string // hashes, SHA-256; without indices
	values []tahoe.Value
}

var (
	errPatternEnd  = errors.New("pattern ends too early")
	errPatternDeep = errors.New("pattern is nested too deep")
)

// maxPatternDepth is how many brackets of a pattern may stand inside each other.
const maxPatternDepth = 64

// parseSTIXPattern reads a pattern of STIX 2.0 or 2.1.
func parseSTIXPattern(text string) (stixPattern, error) {
	p := &patternParser{tokens: patternTokens{rest: text}}
	p.next()
	p.observations(0)
	if p.err == nil && p.token.text != "" {
		p.fail()
	}
	if p.err != nil {
		return stixPattern{}, fmt.Errorf("STIX pattern: %w", p.err)
	}
	return p.pattern, nil
}

// patternParser holds one token ahead. After the first error it reads no more.
type patternParser struct {
	tokens  patternTokens
	token   patternToken
	pattern stixPattern
	err     error
}

func (p *patternParser) next() {
	if p.err == nil {
		p.token, p.err = p.tokens.next()
	}
	if p.err != nil {
		p.token = patternToken{}
	}
}

func (p *patternParser) fail() {
	switch {
	case p.err != nil:
	case p.token.text == "":
		p.err = errPatternEnd
	default:
		p.err = fmt.Errorf("%.40q is not expected", p.token.text)
	}
}

// accept passes a token of that text, and tells whether there was one. Words are the same in any case.
func (p *patternParser) accept(texts ...string) bool {
	for _, text := range texts {
		if p.token.kind == tokenOther && strings.EqualFold(p.token.text, text) {
			p.next()
			return true
		}
	}
	return false
}

func (p *patternParser) expect(text string) {
	if !p.accept(text) {
		p.fail()
	}
}

// observations reads observations with AND, OR and FOLLOWEDBY between them.
func (p *patternParser) observations(depth int) {
	for more := true; more && p.err == nil; more = p.accept("AND", "OR", "FOLLOWEDBY") {
		p.observation(depth)
	}
}

// observation reads [comparisons] or (observations), and what qualifies it.
func (p *patternParser) observation(depth int) {
	switch {
	case depth > maxPatternDepth:
		p.err = errPatternDeep
	case p.accept("["):
		var group []stixComparison
		p.comparisons(depth+1, &group)
		p.keep(group)
		p.expect("]")
	case p.accept("("):
		p.observations(depth + 1)
		p.expect(")")
	default:
		p.fail()
	}
	for p.accept("START", "STOP", "WITHIN", "REPEATS") {
		p.pattern.partial = true
		p.next()
		p.accept("SECONDS", "TIMES")
	}
}

func (p *patternParser) keep(group []stixComparison) {
	if len(group) > 0 {
		p.pattern.groups = append(p.pattern.groups, group)
	}
}

// comparisons reads comparisons with AND and OR between them; AND binds closer. Those before the first OR are in the group, and those
// after each OR in a group of their own.
func (p *patternParser) comparisons(depth int, group *[]stixComparison) {
	if depth > maxPatternDepth {
		p.err = errPatternDeep
	}
	for p.err == nil {
		if p.accept("(") {
			p.comparisons(depth+1, group)
			p.expect(")")
		} else {
			p.comparison(group)
		}
		switch {
		case p.accept("AND"):
		case p.accept("OR"):
			p.keep(*group)
			*group = nil
		default:
			return
		}
	}
}

// comparison reads one test of a property.
func (p *patternParser) comparison(group *[]stixComparison) {
	negated := p.accept("NOT")
	exists := p.accept("EXISTS")
	path := p.token
	if path.kind != tokenPath {
		p.fail()
		return
	}
	p.next()
	if exists {
		p.pattern.partial = true
		return
	}
	negated = p.accept("NOT") || negated
	c := stixComparison{kind: path.text, steps: path.steps}
	equal := false
	switch {
	case p.accept("=", "=="):
		equal = true
		c.values = []tahoe.Value{p.value()}
	case p.accept("IN"):
		equal = true
		c.values = p.list()
	case p.accept("!=", "<>", "<", "<=", ">", ">=", "LIKE", "MATCHES", "ISSUBSET", "ISSUPERSET"):
		p.value()
	default:
		p.fail()
	}
	if equal && !negated {
		*group = append(*group, c)
		return
	}
	p.pattern.partial = true
}

func (p *patternParser) list() []tahoe.Value {
	var values []tahoe.Value
	p.expect("(")
	for more := true; more && p.err == nil; more = p.accept(",") {
		values = append(values, p.value())
	}
	p.expect(")")
	return values
}

func (p *patternParser) value() tahoe.Value {
	v := p.token.value
	if p.token.kind != tokenValue {
		p.fail()
	}
	p.next()
	return v
}
