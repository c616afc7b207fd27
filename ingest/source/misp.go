package source

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// fetchMISP takes new and changed events, from a feed or by searching a server.
func (o *outlet) fetchMISP(ctx context.Context) error {
	if o.src.Mode == "search" {
		return o.searchMISP(ctx)
	}
	return o.fetchMISPFeed(ctx)
}

// unix is a time in seconds, as MISP writes it: a number, in quotes or not.
type unix int64

// UnmarshalJSON reads 1700000000 and "1700000000"; what is no such time is 0.
func (u *unix) UnmarshalJSON(text []byte) error {
	n, err := strconv.ParseInt(string(bytes.Trim(text, `"`)), 10, 64)
	if err != nil {
		n = 0
	}
	*u = unix(n)
	return nil
}

// manifest is manifest.json of a feed: what it has, by UUID.
type manifest map[string]struct {
	Timestamp unix `json:"timestamp"`
}

// mispMark is the position in a feed: the events that the lake has, and of when. The feed's own list bounds it.
type mispMark struct {
	Manifest validators      `json:"manifest,omitzero"` // of the list whose events the lake has all
	Events   map[string]unix `json:"events"`
}

// Bounds of a feed, in bytes and events.
const (
	maxManifest = 256 << 20
	mispBytes   = 4 << 20
	mispEvents  = 50
)

var uuidText = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// fetchMISPFeed takes the events of a feed that are new or changed, the oldest first.
func (o *outlet) fetchMISPFeed(ctx context.Context) error {
	mark := mispMark{}
	if err := o.position(&mark); err != nil {
		return err
	}
	base, _ := strings.CutSuffix(o.src.URL, "manifest.json")
	base = strings.TrimRight(base, "/") + "/"
	list, valid, err := o.mispManifest(ctx, o.withSecret(base+"manifest.json"), mark.Manifest)
	if err != nil || list == nil {
		return err
	}
	mark.Manifest = validators{} // until all of it is there
	mark.Events = prune(mark.Events, list)
	b := &mispBatch{outlet: o, mark: &mark}
	missing := 0
	for _, id := range wanted(list, mark.Events, o.src.Since) {
		switch event, err := o.mispEvent(ctx, o.withSecret(base+id+".json")); {
		case isGone(err), errors.Is(err, errTooLong):
			missing++ // listed before it is there, or after it went; it must not keep the others
		case err != nil:
			return errors.Join(err, b.flush(ctx))
		default:
			if err := b.add(ctx, id, list[id].Timestamp, event); err != nil {
				return err
			}
		}
	}
	if missing == 0 {
		mark.Manifest = valid
	}
	o.note(missingNote(missing))
	b.dirty = true
	return b.flush(ctx)
}

func missingNote(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("the feed lists %d events that it does not have, or that are too long", n)
}

func isGone(err error) bool {
	var status *statusError
	return errors.As(err, &status) && (status.Code == http.StatusNotFound || status.Code == http.StatusGone)
}

// mispManifest fetches the list of a feed; nil if it has not changed.
func (o *outlet) mispManifest(ctx context.Context, address string, had validators) (manifest, validators, error) {
	resp, err := o.ask(ctx, request{method: http.MethodGet, url: address, header: had.header()}, http.StatusOK, http.StatusNotModified)
	if err != nil {
		return nil, had, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotModified {
		return nil, had, nil
	}
	text, err := readAll(resp.Body, maxManifest)
	if err != nil {
		return nil, had, fmt.Errorf("read manifest: %w", err)
	}
	list := manifest{}
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, had, fmt.Errorf("read manifest: %w", err)
	}
	return list, validatorsOf(resp.Header), nil
}

// readAll reads an answer that may be compressed.
func readAll(r io.Reader, limit int64) ([]byte, error) {
	r, err := decompress(r)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(&bounded{r: r, left: limit})
	return text, err
}

// prune forgets the events that the feed has no more.
func prune(events map[string]unix, list manifest) map[string]unix {
	kept := map[string]unix{}
	for id, at := range events {
		if _, ok := list[id]; ok {
			kept[id] = at
		}
	}
	return kept
}

// wanted lists the events that are newer than those that the lake has, the oldest first. A feed names them, and they become part of an
// address: what is no UUID is left out.
func wanted(list manifest, have map[string]unix, since time.Time) []string {
	var ids []string
	for id, entry := range list {
		at, ok := have[id]
		if uuidText.MatchString(id) && (!ok || at < entry.Timestamp) && (since.IsZero() || int64(entry.Timestamp) >= since.Unix()) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b string) int {
		return cmp.Or(cmp.Compare(list[a].Timestamp, list[b].Timestamp), cmp.Compare(a, b))
	})
	return ids
}

// mispEvent fetches an event of a feed, in one line.
func (o *outlet) mispEvent(ctx context.Context, address string) ([]byte, error) {
	resp, err := o.ask(ctx, request{method: http.MethodGet, url: address, header: validators{}.header()}, http.StatusOK)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := readAll(resp.Body, maxManifest)
	if err != nil {
		return nil, fmt.Errorf("read event: %w", err)
	}
	return oneJSON(text), nil
}

// oneJSON puts a JSON document in one line. What is none stays, for the intake to tell.
func oneJSON(text []byte) []byte {
	var line bytes.Buffer
	if json.Compact(&line, text) != nil {
		return text
	}
	return line.Bytes()
}

// mispBatch sends events together: what the lake syncs once, and the position likewise.
type mispBatch struct {
	*outlet

	mark  *mispMark
	text  []byte
	ids   map[string]unix
	dirty bool // the mark changed beside the events
}

func (b *mispBatch) add(ctx context.Context, id string, at unix, event []byte) error {
	b.text = append(append(b.text, event...), '\n')
	if b.ids == nil {
		b.ids = map[string]unix{}
	}
	b.ids[id] = at
	if len(b.ids) < mispEvents && len(b.text) < mispBytes {
		return nil
	}
	return b.flush(ctx)
}

func (b *mispBatch) flush(ctx context.Context) error {
	if len(b.ids) > 0 {
		if err := b.send(ctx, bytes.NewReader(b.text)); err != nil {
			return err
		}
		maps.Copy(b.mark.Events, b.ids)
	} else if !b.dirty {
		return nil
	}
	b.text, b.ids, b.dirty = nil, nil, false
	return b.commit(ctx, b.mark)
}

// searchOwn are the members of a search that are not for people to set.
var searchOwn = []string{"return_format", "page", "limit", "publish_timestamp", "published", "with_attachments", "order"}

// searchLimit is how many events a page of a search has at most.
const searchLimit = 20

// searchMark is the position in a search: a page of what was published since a time. Pages are by number, and MISP gives them in the
// order of its own numbers: an event that is published meanwhile makes others come twice, not go missing.
type searchMark struct {
	Since unix `json:"since,omitempty"`
	Page  int  `json:"page,omitempty"` // that was taken last
	High  unix `json:"high,omitempty"` // latest publication that was seen on the way

	// What was published in the second Since, and High, is known by its hashes: the server tells it again, for it may have got company.
	Had  []string `json:"had,omitempty"`
	Seen []string `json:"seen,omitempty"`
}

// maxSecond bounds the events of a second that are known; others come again.
const maxSecond = 1000

// take gives what of a page the lake does not have, and moves behind the page.
func (m *searchMark) take(page []searchEvent) (text []byte) {
	for _, e := range page {
		sum := sha256.Sum256(e.text)
		name := hex.EncodeToString(sum[:12])
		if e.published > m.High {
			m.High, m.Seen = e.published, nil
		}
		if e.published == m.High && len(m.Seen) < maxSecond {
			m.Seen = append(m.Seen, name)
		}
		if !slices.Contains(m.Had, name) {
			text = append(append(text, e.text...), '\n')
		}
	}
	m.Page++
	if len(page) < searchLimit { // the last
		if m.High >= m.Since && m.High > 0 {
			m.Since, m.Had = m.High, m.Seen
		}
		m.Page, m.High, m.Seen = 0, 0, nil
	}
	return text
}

// searchMISP asks a server for the events that were published since the last time, page by page.
func (o *outlet) searchMISP(ctx context.Context) error {
	var mark searchMark
	if !o.src.Since.IsZero() {
		mark.Since = unix(o.src.Since.Unix())
	}
	if err := o.position(&mark); err != nil {
		return err
	}
	for {
		page, err := o.searchPage(ctx, mark)
		if err != nil {
			return err
		}
		if text := mark.take(page); len(text) > 0 {
			if err := o.send(ctx, bytes.NewReader(text)); err != nil {
				return err
			}
		}
		if err := o.commit(ctx, mark); err != nil || mark.Page == 0 {
			return err
		}
	}
}

// searchPage asks for the page behind the mark.
func (o *outlet) searchPage(ctx context.Context, mark searchMark) ([]searchEvent, error) {
	body := map[string]any{}
	for name, values := range o.src.Filter {
		if body[name] = values; len(values) == 1 {
			body[name] = values[0]
		}
	}
	body["returnFormat"], body["withAttachments"], body["published"] = "json", false, true
	body["page"], body["limit"] = mark.Page+1, searchLimit
	if mark.Since > 0 {
		body["publish_timestamp"] = int64(mark.Since)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	address := strings.TrimRight(strings.TrimSuffix(strings.TrimRight(o.src.URL, "/"), "events/restSearch"), "/") + "/events/restSearch"
	resp, err := o.ask(ctx, request{method: http.MethodPost, url: o.withSecret(address), body: text, header: http.Header{
		"Accept": {"application/json"}, "Content-Type": {"application/json"}, "Accept-Encoding": {"gzip"},
	}}, http.StatusOK)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err = readAll(resp.Body, maxManifest)
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	return readSearch(text)
}

// searchEvent is an event of a page, in a line.
type searchEvent struct {
	text      []byte
	published unix
}

func readSearch(text []byte) ([]searchEvent, error) {
	var answer struct {
		Response []json.RawMessage `json:"response"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if answer.Response == nil {
		return nil, errors.New("the answer is not that of a search for events")
	}
	page := make([]searchEvent, len(answer.Response))
	for i, event := range answer.Response {
		var head struct {
			Event struct {
				Published unix `json:"publish_timestamp"`
			}
		}
		_ = json.Unmarshal(event, &head) // whatever it is, the intake keeps it
		page[i] = searchEvent{oneJSON(event), head.Event.Published}
	}
	return page, nil
}
