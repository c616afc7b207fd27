package reportd

import (
	"errors"
	"fmt"
	"time"

	"github.com/cybexp/cybexp/tdql"
)

// planned is a query that has been checked for somebody at some time.
type planned struct {
	plan      *tdql.Plan
	canonical string
	warnings  tdql.Errors
}

// plan reads and checks a query.
func (s *Service) plan(req Request, orgs []tdql.Org, now time.Time) (planned, error) {
	query, err := parse(req)
	if err != nil {
		return planned{}, err
	}
	p, warnings, err := tdql.Check(query, req.env(orgs, now))
	if err != nil {
		return planned{}, err
	}
	return planned{plan: p, canonical: p.Canonical(), warnings: warnings}, nil
}

// env is what the query is checked against.
func (r Request) env(orgs []tdql.Org, now time.Time) tdql.Env {
	return tdql.Env{Now: now, Orgs: orgs, Params: r.Params, Once: r.Shared}
}

func parse(req Request) (*tdql.Query, error) {
	if req.Classic == nil {
		return tdql.Parse(req.TDQL)
	}
	if req.TDQL != "" {
		return nil, fmt.Errorf("%w: a query is either text or in the classic form", ErrBadRequest)
	}
	return tdql.Classic(req.Classic.Type, req.Classic.Data)
}

// Codes of errors that are not faults of a query's text.
const (
	codeNotFound = "report.not_found"
	codeExpired  = "report.expired"
	codeTime     = "report.time_limit"
	codeRows     = "report.row_limit"
	codeWork     = "report.work_limit"
	codeFailed   = "report.failed"
	codeRights   = "report.rights"
	codeWatchMax = "report.watch_limit"
	codeWatch    = "report.watch_lost"
	codeTooLarge = "query.too_large"
	codeBusy     = "query.busy"
	codeUserBusy = "query.too_many"
	codeWatches  = "query.too_many_watches"
	codeRequest  = "query.bad_request"
)

// failure tells the asker about an error. What is ours to know is not told; ours says whether it was that.
func failure(err error) (f Failure, ours bool) {
	var faults tdql.Errors
	switch {
	case errors.As(err, &faults):
		return Failure{Code: string(faults[0].Code), Message: faults[0].Message, Errors: faults}, false
	case errors.Is(err, ErrNotFound):
		return Failure{Code: codeNotFound, Message: "there is no such report"}, false
	case errors.Is(err, ErrExpired):
		return Failure{Code: codeExpired, Message: "rows of the report are no longer kept: ask again"}, false
	case errors.Is(err, ErrRights):
		return Failure{Code: codeRights, Message: "you may no longer read all that this report is made of: ask again"}, false
	case errors.Is(err, errWorkLimit):
		return Failure{Code: codeWork, Message: "the query read more than the server allows before it found a row: narrow it"}, false
	case errors.Is(err, errNoDatabase):
		return Failure{Code: codeFailed, Message: "the database does not answer: try again later"}, true
	case errors.Is(err, errTimeLimit):
		return Failure{Code: codeTime, Message: "the query ran longer than the server allows"}, false
	case errors.Is(err, ErrTooLarge):
		return Failure{Code: codeTooLarge, Message: err.Error()}, false
	case errors.Is(err, ErrBadRequest):
		return Failure{Code: codeRequest, Message: err.Error()}, false
	case errors.Is(err, errWatchFull):
		return Failure{Code: codeWatchMax, Message: "the watch has shown as much as the server can remember: narrow it and ask again"}, false
	case errors.Is(err, errWatchLost):
		return Failure{Code: codeWatch, Message: "the watch was interrupted and cannot tell what it has shown: ask again"}, false
	case errors.Is(err, errWatches):
		return Failure{Code: codeBusy, Message: "too many watches run: end one, or try again later"}, false
	case errors.Is(err, errUserWatches):
		return Failure{Code: codeWatches, Message: "you run as many watches as one user may: end one first"}, false
	case errors.Is(err, ErrUserBusy):
		return Failure{Code: codeUserBusy, Message: "as many of your queries wait or run as one user may have: end one, or try again later"}, false
	case errors.Is(err, ErrBusy):
		return Failure{Code: codeBusy, Message: "too many queries wait: try again later"}, false
	}
	return Failure{Code: codeFailed, Message: "the server could not finish the query"}, true
}
