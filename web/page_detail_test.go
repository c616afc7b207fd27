package web_test

import (
	"strings"
	"testing"
)

// judges says what an event is, as its administrator, and notes something on it, which a reader finds.
func judges(t *testing.T, d *desk) {
	b := d.enter(1280, 800, "light", d.admin)
	b.ask("events from 2025-04-12 to '2025-04-12 00:00:05' | sort timestamp | limit 1")
	b.state("ready")
	b.click(".grid-row", "")
	b.click(".detail [aria-label=Category] button", "benign")
	b.shows(".toast", "The event is benign")
	b.click(".detail summary", "Say it of one attribute")
	b.until(`document.querySelectorAll(".judge-form option").length > 5`)
	b.click(".judge-form button", "Say so")
	b.shows(".toast", "It is malicious in this event")
	b.fill(".comment-form textarea", "A test of <b>ours</b>")
	b.click(".comment-form button", "Comment")
	b.shows(".comments p", "A test of <b>ours</b>")
	b.picture("detail-judged")
	got := d.post(d.reader, "/query", `{"tdql":"events category benign | count","redo":true}`)
	if !strings.Contains(string(got.body), `"count":1`) {
		t.Errorf("benign events: got %s", got.body)
	}

	b = d.enter(390, 844, "dark", d.reader)
	b.ask("events category benign")
	b.state("ready")
	b.click(".grid-row", "")
	b.shows(".comments p", "A test of <b>ours</b>")
	if got := value[bool](b, `document.querySelector(".detail [aria-label=Category], .comments button") === null`); !got {
		t.Error("a reader may neither judge nor delete the comments of others")
	}
	b.picture("detail-comments-phone")
}
