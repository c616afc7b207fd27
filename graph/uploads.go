package graph

import (
	"slices"

	"github.com/cybexp/cybexp/tahoe"
)

// A raw that more than one organisation uploaded says what each of them said, and what became of it for each, in its uploads. It has the state and the time zone
// that this comes to for all of them, too, and one that a single organisation uploaded has only these.

// uploadsOf are those of a raw that is there. Which of several said what is not known of one that an older version wrote: all of them did.
func uploadsOf(texts, audiences []string, state tahoe.RawState, timezone string) (list []tahoe.RawUpload) {
	for _, text := range texts {
		list = append(list, tahoe.ParseRawUpload(text))
	}
	for _, org := range orgsOf(audiences) {
		if !slices.ContainsFunc(list, func(u tahoe.RawUpload) bool { return u.Org == org }) {
			list = append(list, tahoe.RawUpload{Org: org, State: state, Timezone: timezone})
		}
	}
	return list
}

// uploaded writes what the uploads of the batch add to what was said with a raw.
func (q *quads) uploaded(uid string, it *item, have *existing) {
	if q.unmarked {
		return
	}
	list := uploadsOf(have.Uploads, have.Audiences, have.State, have.Timezone)
	for _, u := range it.uploads {
		i := slices.IndexFunc(list, func(known tahoe.RawUpload) bool { return known.Org == u.Org })
		if i < 0 {
			list = append(list, u.RawUpload)
		} else {
			list[i].State = list[i].State.Later(u.State)
		}
	}
	q.uploads(uid, list, have.Uploads, have.State, have.Timezone, have.UID != "")
}

// removeUploads takes the uploads of the organisations that leave a raw out of what was said with it.
func (q *quads) removeUploads(uid string, r *touchedRaw) {
	if len(r.leave) == 0 {
		return
	}
	list := slices.DeleteFunc(uploadsOf(r.Uploads, r.Audiences, r.State, r.Timezone), func(u tahoe.RawUpload) bool {
		return slices.Contains(r.leave, u.Org)
	})
	q.uploads(uid, list, r.Uploads, r.State, r.Timezone, true)
}

// uploads makes what was said with a raw a list.
func (q *quads) uploads(uid string, list []tahoe.RawUpload, old []string, oldState tahoe.RawState, oldTimezone string, known bool) {
	before := len(q.set) + len(q.del)
	var texts []string
	if len(list) > 1 {
		for _, u := range list {
			texts = append(texts, u.String())
		}
	}
	for _, text := range old {
		if !slices.Contains(texts, text) {
			q.unset(uid, "uploads", text)
		}
	}
	for _, text := range texts {
		if !slices.Contains(old, text) {
			q.text(uid, "uploads", text)
		}
	}
	state, timezone := tahoe.MergeRawUploads(list)
	if state != oldState && state != "" {
		q.text(uid, "state", string(state))
	}
	if timezone != oldTimezone {
		q.text(uid, "timezone", timezone)
	}
	if known && len(q.set)+len(q.del) > before {
		q.text(uid, "itype", string(tahoe.KindRaw)) // where those meet who change it at once
	}
}
