package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dgraph-io/dgo/v230/protos/api"

	"github.com/cybexp/cybexp/tahoe"
)

// rawsPage is how many raws come at a time: at 1 MiB each they are well below maxMessage.
const rawsPage = 100

const rawFields = `{ uid hash sub_type data timezone audiences uploads state received }`

// Raws reads a page of the raws that q asks for, in the order of their uids. All pages are of one snapshot; where that is too old,
// At = 0 goes on with a new one.
func (s *Store) Raws(ctx context.Context, q tahoe.RawQuery) (page tahoe.RawPage, err error) {
	req, err := rawsRequest(q)
	if err != nil {
		return page, err
	}
	body, ts, err := s.read(ctx, req)
	if err != nil {
		return page, fmt.Errorf("read raws: %w", err)
	}
	var answer struct {
		Q []rawVertex
		N []struct{ N int }
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return page, fmt.Errorf("read raws: %w", err)
	}
	page.At = ts
	for _, n := range answer.N {
		page.Total += n.N
	}
	for _, v := range answer.Q {
		raw, err := v.raw()
		if err != nil {
			return page, fmt.Errorf("read raw %s: %w", v.UID, err)
		}
		page.Raws = append(page.Raws, raw)
	}
	if len(answer.Q) == rawsPage && q.Hash.IsZero() {
		page.Next, err = vertex{UID: answer.Q[rawsPage-1].UID}.number()
	}
	return page, err
}

// HasRaws tells which of the hashes are of raws that are there.
func (s *Store) HasRaws(ctx context.Context, hashes []tahoe.Hash) (map[tahoe.Hash]bool, error) {
	had := map[tahoe.Hash]bool{}
	if len(hashes) == 0 {
		return had, nil
	}
	var answer struct{ Q []struct{ Hash tahoe.Hash } }
	if err := s.readInto(ctx, `{ q(func: `+hashFunction(hashes)+`) @filter(type(Raw)) { hash } }`, nil, &answer); err != nil {
		return nil, fmt.Errorf("look up raws: %w", err)
	}
	for _, r := range answer.Q {
		had[r.Hash] = true
	}
	return had, nil
}

// rawsRequest asks by the state when that leaves out most of them, and else by the format, whose name events and objects may share.
func rawsRequest(q tahoe.RawQuery) (*api.Request, error) {
	if !q.Hash.IsZero() {
		text := `{ q(func: eq(hash, "` + q.Hash.String() + `")) @filter(type(Raw)) ` + rawFields + ` }`
		return &api.Request{Query: text, ReadOnly: true}, nil
	}
	if err := tahoe.ValidSubType(q.SubType); err != nil {
		return nil, err
	}
	all := []tahoe.RawState{tahoe.Mapped, tahoe.Kept, tahoe.NotSupported, tahoe.Invalid}
	root, filter := `eq(sub_type, $format)`, states(all)
	if len(q.States) > 0 {
		root, filter = states(q.States), `eq(sub_type, $format)`
	}
	text := `query q($format: string) { q(func: ` + root + `, first: ` + strconv.Itoa(rawsPage) + `, after: ` + hex(q.After) + `) @filter(` + filter + `) ` + rawFields
	if q.After == 0 {
		text += ` n(func: ` + root + `) @filter(` + filter + `) { n: count(uid) }`
	}
	return &api.Request{Query: text + ` }`, Vars: map[string]string{"$format": q.SubType}, StartTs: q.At, ReadOnly: true}, nil
}

func states(list []tahoe.RawState) string {
	names := make([]string, len(list))
	for i, s := range list {
		names[i] = strconv.Quote(string(s))
	}
	return `eq(state, [` + strings.Join(names, ",") + `])`
}

// rawVertex is a raw as Dgraph answers it.
type rawVertex struct {
	UID      string `json:"uid"`
	Hash     tahoe.Hash
	SubType  string `json:"sub_type"`
	Data     string
	Timezone string
	State    tahoe.RawState
	Received *time.Time

	Audiences, Uploads []string
}

func (v rawVertex) raw() (tahoe.StoredRaw, error) {
	raw := tahoe.StoredRaw{Hash: v.Hash, SubType: v.SubType, Timezone: v.Timezone, Audiences: v.Audiences, State: v.State}
	if v.Received != nil {
		raw.Received = float64(v.Received.UnixMicro()) / 1e6
	}
	if len(v.Uploads) > 0 {
		raw.Uploads = uploadsOf(v.Uploads, v.Audiences, v.State, v.Timezone)
	}
	var err error
	raw.Data, err = tahoe.ParseValue([]byte(v.Data))
	return raw, err
}
