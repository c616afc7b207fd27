package main

import "testing"

func TestWatchTextBeginsWithWatch(t *testing.T) {
	for text, want := range map[string]string{
		"events login":         "watch events login",
		" WATCH events":        " WATCH events",
		"watchword x | events": "watch watchword x | events",
		"":                     "watch ",
	} {
		if got := watchText(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
