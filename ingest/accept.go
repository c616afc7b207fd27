package ingest

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // zones must be known on a machine that has none installed
	"unicode"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/cybexp/cybexp/ingest/envelope"
	"github.com/cybexp/cybexp/tahoe"
)

// Upload says what an upload is.
type Upload struct {
	ID       string     `json:"id"` // 1 to 64 letters, digits, - and _; empty gives it one. The same ID again is the same upload again.
	Name     string     `json:"name"`
	Typetag  string     `json:"typetag"`  // the format, such as cowrie
	Timezone string     `json:"timezone"` // IANA name, for stamps that name no zone; empty is UTC
	Org      tahoe.Hash `json:"org"`      // who owns the data
	User     tahoe.Hash `json:"user"`     // who sent it
}

// Receipt tells what was taken in.
type Receipt struct {
	ID       string `json:"id"`
	Records  int    `json:"records"`
	Rejected int    `json:"rejected"` // records that were too long
	Bytes    int64  `json:"bytes"`
}

// Accept reads body to its end, and returns when every record of it is on the disk of the lake. If body breaks off, what came
// before is kept and counted, and the error wraps ErrBody; sending it again with the same ID completes it. An upload that was
// completed before is not read again: its receipt is returned.
func (s *Service) Accept(ctx context.Context, u Upload, body io.Reader) (Receipt, error) {
	u.ID, u.Timezone = cmp.Or(u.ID, strings.ToLower(rand.Text())), cmp.Or(u.Timezone, "UTC")
	if err := u.Check(); err != nil {
		return Receipt{}, err
	}
	switch before, err := s.account(ctx, u.ID); {
	case errors.Is(err, ErrNotFound):
	case err != nil:
		return Receipt{}, err
	case before.Org != u.Org || before.Typetag != u.Typetag:
		return Receipt{}, fmt.Errorf("accept %s: %w", u.ID, ErrTaken)
	case before.complete():
		return before.receipt(), nil
	}
	if st, err := s.lake.State(ctx); err != nil {
		return Receipt{}, fmt.Errorf("accept %s: %w", u.ID, err)
	} else if st.Bytes > s.Config.Backlog {
		return Receipt{}, fmt.Errorf("accept %s: %w", u.ID, ErrBusy)
	}
	a := account{Upload: u, Try: strings.ToLower(rand.Text()[:8]), Begun: time.Now().UTC()}
	if err := s.saveAccount(ctx, a); err != nil {
		return Receipt{}, err
	}
	err := s.fill(ctx, &a, body)
	a.Ended = time.Now().UTC()
	if err != nil {
		a.Failed = err.Error()
		s.Logger.Warn("upload broke off", "upload_id", u.ID, "records", a.Records, "err", err)
	}
	done, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return a.receipt(), errors.Join(err, s.saveAccount(done, a))
}

// Check tells what is wrong with u.
func (u Upload) Check() error {
	if err := checkID(u.ID); err != nil {
		return err
	}
	if err := tahoe.ValidSubType(u.Typetag); err != nil {
		return fmt.Errorf("%w: typetag: %w", ErrInvalid, err)
	}
	if _, err := time.LoadLocation(u.Timezone); err != nil || u.Timezone == "Local" {
		return fmt.Errorf("%w: %.60q is no IANA time zone such as America/Los_Angeles", ErrInvalid, u.Timezone)
	}
	if u.Org.IsZero() {
		return fmt.Errorf("%w: no organisation", ErrInvalid)
	}
	if len(u.Name) > 200 || !utf8.ValidString(u.Name) || strings.ContainsFunc(u.Name, unicode.IsControl) {
		return fmt.Errorf("%w: the name must be a line of at most 200 bytes", ErrInvalid)
	}
	return nil
}

func checkID(id string) error {
	ok := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
	}
	if id == "" || len(id) > 64 || strings.ContainsFunc(id, func(r rune) bool { return !ok(r) }) {
		return fmt.Errorf("%w: the ID must have 1 to 64 letters, digits, - and _", ErrInvalid)
	}
	return nil
}

// inFlight is how many bytes of chunks are sealed and synced at a time, of all uploads together.
const inFlight = 64 << 20

// fill moves body to the lake and counts it in a.
func (s *Service) fill(ctx context.Context, a *account, body io.Reader) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(4) // that many chunks are sealed and synced at a time
	count := &counter{r: body}
	var mu sync.Mutex // guards a.Chunks and a.Records
	err := s.chunks(gctx, a, count, func(l label, plain []byte) {
		weight := min(int64(len(plain)), inFlight)
		if s.flight.Acquire(gctx, weight) != nil {
			return // gctx has ended, which is reported below
		}
		g.Go(func() error {
			defer s.flight.Release(weight)
			if err := s.append(gctx, l, plain); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			a.Chunks++ // only what is there counts
			a.Records += l.Records
			return nil
		})
	})
	a.Bytes = count.n
	if werr := g.Wait(); werr != nil {
		return fmt.Errorf("append to lake: %w", werr)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBody, err)
	}
	return nil
}

// chunks cuts body up. If body breaks off, what came before is in a chunk too.
func (s *Service) chunks(ctx context.Context, a *account, body io.Reader, send func(label, []byte)) error {
	c, number := &chunk{}, 0
	flush := func() {
		if c.records > 0 {
			send(label{a.ID, a.Try, number, c.records, a.Typetag, a.Org.String(), a.Timezone}, c.plain)
			c, number = &chunk{}, number+1
		}
	}
	defer flush()
	next := records(a.Typetag, body, s.MaxRecord)
	for ctx.Err() == nil {
		p, err := next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case p.tooLong:
			a.Rejected++
			a.Problems.add(tooLong(p, s.MaxRecord))
			continue
		}
		if !c.fits(p.text) {
			flush()
		}
		c.add(p.line, p.text)
	}
	return nil
}

// appendLimit is how long the lake may take to sync a chunk.
const appendLimit = 30 * time.Second

// append seals a chunk and puts it on disk. An append that was begun is waited for even when the sender goes away: to leave
// it half way would be not to know whether the chunk counts.
func (s *Service) append(ctx context.Context, l label, plain []byte) error {
	sealed, err := envelope.Seal(s.Keys.Public, plain)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), appendLimit)
	defer cancel()
	_, err = s.lake.Publish(ctx, l.subject(), l.header(), sealed)
	return err
}

func tooLong(p piece, limit int) Problem {
	return Problem{Line: p.line, Message: fmt.Sprintf("record is longer than %d KiB and was left out", limit>>10)}
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
