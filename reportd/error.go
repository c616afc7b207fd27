package reportd

import "errors"

var (
	// ErrNotFound says that the caller has no such report: it never was, it expired, or it is somebody else's.
	ErrNotFound = errors.New("report not found")
	// ErrExpired says that the report is known but that its first rows are no longer kept.
	ErrExpired = errors.New("rows of the report are no longer kept")
	// ErrRights says that the caller may not read any more all that a report was made of.
	ErrRights = errors.New("the rights that the report rests on are gone")
	// ErrFinished says that a report has ended and cannot be cancelled.
	ErrFinished = errors.New("report has ended")
	// ErrTooLarge says that a query's text is longer than the limit.
	ErrTooLarge = errors.New("query text is too long")
	// ErrBadRequest says that a request cannot be understood; the text around it says why.
	ErrBadRequest = errors.New("bad request")
	// ErrBusy says that too many queries wait already.
	ErrBusy = errors.New("too many queries wait")
	// ErrLimit says that a scan passed a limit of the server, which the text around it names.
	ErrLimit = errors.New("limit reached")
	// ErrUserBusy says that too many queries of the asker wait already, or run.
	ErrUserBusy = errors.New("too many queries of one user wait")
)

// Causes with which a running query's context ends.
var (
	errCancelled   = errors.New("cancelled by the asker")
	errTimeLimit   = errors.New("the query passed the time limit")
	errGivenUp     = errors.New("begun too often")
	errNoDatabase  = errors.New("the database did not answer for too long")
	errRowLimit    = errors.New("the query passed the row limit")
	errWorkLimit   = errors.New("the query passed the limit of work")
	errWatches     = errors.New("too many watches run")
	errUserWatches = errors.New("too many watches of the user run")
	errWatchFull   = errors.New("the watch has shown more than it can remember")
	errWatchLost   = errors.New("what the watch has shown is lost")
)
