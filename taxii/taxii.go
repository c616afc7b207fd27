package taxii

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cybexp/cybexp/tahoe"
)

// Errors that callers tell apart.
var (
	ErrNotFound = errors.New("not found")
	ErrConflict = errors.New("changed meanwhile") // of a Store
	ErrTooMany  = errors.New("the collection has too many objects")
	ErrFull     = errors.New("the user's collections together have too many objects")
	ErrNotReady = errors.New("the collection is being read") // ask again
)

// Store keeps small values under keys such as index.k7q…, each with a revision that changes with every write. Values that nobody wrote for as
// long as ForgetAfter may go.
type Store interface {
	// Get reads a key, or returns an error that wraps ErrNotFound.
	Get(ctx context.Context, key string) (value []byte, revision uint64, err error)
	// Set writes a key that is at the given revision still, 0 being a key that is not there, or returns an error that wraps ErrConflict. A
	// nil value removes the key.
	Set(ctx context.Context, key string, value []byte, revision uint64) error
	// List reads the values of all keys that begin with prefix, which ends in a dot.
	List(ctx context.Context, prefix string) ([][]byte, error)
}

// ForgetAfter is how long a Store keeps what is not written anew. An index that nobody asks for is forgotten then.
const ForgetAfter = 90 * 24 * time.Hour

// Source is a saved query as one user may see it at this moment.
type Source struct {
	User tahoe.Hash
	ID   string // of the saved query, letters and digits
	// Basis is what the rows depend on beside the graph: the query, and the user's rights. An index that was made on another basis is not shown.
	Basis string
	// Scan hands over all rows of the query as they come, and fails when it cannot know them all.
	Scan func(ctx context.Context, row func(json.RawMessage) error) error
	// Fetch reads the rows with these hashes, as far as they are there and the user may see them.
	Fetch func(ctx context.Context, rows []tahoe.Hash) ([]json.RawMessage, error)
}

// Config is what a Service needs, and its bounds. Those that are zero get a value that suits most.
type Config struct {
	Store      Store
	Logger     *slog.Logger
	Now        func() time.Time
	Patience   time.Duration // how long a request waits for an index to be made
	MinAge     time.Duration // how long an index is shown at least before it is made anew
	Limit      time.Duration // longest making of an index
	MaxObjects int           // of a collection
	MaxUser    int           // of all collections of a user
	MaxKept    int           // entries of indexes that are held in memory
	Refreshes  int           // indexes that are made at a time, one of each user
}

// Service keeps the indexes of collections, safe for concurrent use. Several processes may share a Store.
type Service struct {
	Config

	base  context.Context //nolint:containedctx // of what goes on when a request has ended; Close ends it
	close context.CancelFunc
	work  sync.WaitGroup
	slots chan struct{}

	mu    sync.Mutex
	kept  map[string]*index
	lanes map[tahoe.Hash]chan struct{}
	clock uint64 // grows with each use of an index
}

// New makes a Service. Close ends what it does in the background.
func New(c Config) (*Service, error) {
	if c.Store == nil {
		return nil, errors.New("taxii: no store")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Patience, c.MinAge, c.Limit = or(c.Patience, 25*time.Second), or(c.MinAge, 5*time.Second), or(c.Limit, 10*time.Minute)
	c.MaxObjects, c.MaxKept, c.Refreshes = or(c.MaxObjects, 500_000), or(c.MaxKept, 1_000_000), or(c.Refreshes, 2)
	c.MaxUser = or(c.MaxUser, 2_000_000)
	s := &Service{Config: c, slots: make(chan struct{}, c.Refreshes), kept: map[string]*index{}, lanes: map[tahoe.Hash]chan struct{}{}}
	s.base, s.close = context.WithCancel(context.Background())
	return s, nil
}

func or[T int | time.Duration](v, otherwise T) T {
	if v == 0 {
		return otherwise
	}
	return v
}

// Close ends what goes on in the background, and waits for it.
func (s *Service) Close() error {
	s.close()
	s.work.Wait()
	return nil
}

// Item is an object of a page.
type Item struct {
	Record

	Text json.RawMessage // nil unless objects were asked for
}

// Page is objects of a collection in the order in which they were added.
type Page struct {
	Items []Item
	More  bool
	Next  string // where the next page begins, when there is more
}

// Records is a page of a manifest.
func (s *Service) Records(ctx context.Context, src Source, f Filter) (Page, error) {
	view, err := s.view(ctx, src, f.age())
	if err != nil {
		return Page{}, err
	}
	found, more := view.find(f, f.Limit)
	p := Page{Items: make([]Item, len(found))}
	for i := range found {
		p.Items[i].Record = found[i].record()
	}
	p.after(found, more)
	return p, nil
}

func (e *entry) record() Record {
	return Record{ID: e.id(), DateAdded: e.added(), Version: e.version(), MediaType: MediaSTIX}
}

func (p *Page) after(found []entry, more bool) {
	if more {
		p.More, p.Next = true, next(found[len(found)-1].Added)
	}
}

// maxTries is how often a page is begun that rows leave while it is made.
const maxTries = 4

// Objects is a page of objects. When one is not any more where the index says, it may be in another row, and so the index is made anew: to leave
// it out would be to lose it, since the client does not come back to its time.
func (s *Service) Objects(ctx context.Context, src Source, f Filter) (Page, error) {
	may := f.age()
	for range maxTries {
		view, err := s.view(ctx, src, may)
		if err != nil {
			return Page{}, err
		}
		found, more := view.find(f, f.Limit)
		p := Page{}
		if p.Items, err = items(ctx, src, found); err != nil {
			return Page{}, err
		}
		if len(p.Items) == len(found) {
			p.after(found, more)
			return p, nil
		}
		may = anew
	}
	return Page{}, ErrNotReady
}

// Has tells whether an object is in a collection.
func (s *Service) Has(ctx context.Context, src Source, id string) (bool, error) {
	view, err := s.view(ctx, src, young)
	if err != nil {
		return false, err
	}
	found, _ := view.find(Filter{After: -1, IDs: []string{id}}, 1)
	return len(found) > 0, nil
}

// items reads the objects of entries, as far as they are there.
func items(ctx context.Context, src Source, found []entry) ([]Item, error) {
	objects, err := fetch(ctx, src, found)
	if err != nil {
		return nil, fmt.Errorf("fetch objects: %w", err)
	}
	list := make([]Item, 0, len(found))
	for i := range found {
		e := &found[i]
		o, there := objects[e.key()]
		if !there {
			continue
		}
		if o, err = e.object(o); err != nil {
			return nil, err
		}
		list = append(list, Item{Record: e.record(), Text: o.Text})
	}
	return list, nil
}
