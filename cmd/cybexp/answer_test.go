package main

import (
	"strings"
	"testing"
)

func TestShowAnswer(t *testing.T) {
	for answer, want := range map[string]string{
		`{"users":[{"hash":"b9","email":"alice@example.org","name":"Alice \u001b[31m","super":true},{"hash":"8b","email":"bob@example.org","name":"","super":false}]}`: "" +
			"EMAIL              NAME            SUPER  HASH\n" +
			"alice@example.org  Alice \\x1b[31m  yes    b9\n" +
			"bob@example.org                           8b\n",
		`{"hash":"b9","name":"unr","title":"","admin":true,"member":false,"members":[{"email":"a@b.c","role":"admin","reads":true}]}`: "" +
			"hash   b9\n" +
			"name   unr\n" +
			"admin  yes\n" +
			"\n" +
			"EMAIL  ROLE   READS\n" +
			"a@b.c  admin  yes\n",
		`{"tokens":[]}`: "no tokens\n",
	} {
		var out strings.Builder
		if err := showAnswer(&out, []byte(answer)); err != nil || out.String() != want {
			t.Errorf("%s: got %v\n%swant\n%s", answer, err, out.String(), want)
		}
	}
	for _, none := range []string{``, `{`, `[1`, `{"a"`} {
		if err := showAnswer(&strings.Builder{}, []byte(none)); err == nil {
			t.Errorf("%q is shown", none)
		}
	}
}
