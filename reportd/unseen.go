package reportd

import (
	"context"

	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

// maxLookups is how many different sub-types of one query are looked for.
const maxLookups = 20

// unseen warns of the sub-types in a query of which nothing was ever seen by who may read orgs. Only a query that found nothing
// is worth the look: one that found something pays nothing. What others have makes no difference to the warnings.
func (a *attempt) unseen(ctx context.Context, req Request, orgs []tdql.Org) tdql.Errors {
	query, err := parse(req)
	if err != nil {
		return nil
	}
	env := req.env(orgs, a.job.Report.Created)
	env.Vocabulary = &lookups{Vocabulary: a.Vocabulary(ctx, Caller{Orgs: orgs}), seen: map[lookup]bool{}}
	_, warnings, err := tdql.Check(query, env)
	if err != nil || ctx.Err() != nil {
		return nil
	}
	return warnings
}

// lookups is a vocabulary that looks for a sub-type once, and not for too many.
type lookups struct {
	tdql.Vocabulary

	seen map[lookup]bool
}

type lookup struct {
	kind    tahoe.Kind
	subType string
}

// Seen implements tdql.Vocabulary.
func (l *lookups) Seen(kind tahoe.Kind, subType string) bool {
	key := lookup{kind, subType}
	known, ok := l.seen[key]
	if ok || len(l.seen) >= maxLookups {
		return known || !ok
	}
	l.seen[key] = l.Vocabulary.Seen(kind, subType)
	return l.seen[key]
}
