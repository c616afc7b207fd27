package web_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/cybexp/cybexp/web"
)

// TestBackupIsForSuperusers asks for backups that go well, are refused, and break off.
func TestBackupIsForSuperusers(t *testing.T) {
	outcome := error(nil)
	r := newRig(t, func(c *web.Config) {
		c.Backup = func(_ context.Context, w io.Writer) error {
			if outcome != nil {
				return outcome
			}
			_, err := io.WriteString(w, "all of it")
			return err
		}
	})
	for _, who := range []person{{}, r.stranger, r.reader, r.admin} {
		if a := r.as(who, http.MethodGet, "/api/v1/backup", ""); a.status != http.StatusUnauthorized && a.status != http.StatusForbidden {
			t.Errorf("%s got %d %s", who.Email, a.status, a.body)
		}
	}
	if a := r.as(r.super, http.MethodGet, "/api/v1/backup", ""); a.status != http.StatusOK || string(a.body) != "all of it" {
		t.Errorf("got %d %s", a.status, a.body)
	}
	outcome = web.ErrBusy
	if a := r.as(r.super, http.MethodGet, "/api/v1/backup", ""); a.status != http.StatusConflict {
		t.Errorf("beside another one: %d %s", a.status, a.body)
	}
	outcome = errors.New("disk full")
	if a := r.as(r.super, http.MethodGet, "/api/v1/backup", ""); a.status != http.StatusInternalServerError {
		t.Errorf("one that failed: %d %s", a.status, a.body)
	}
}

// TestBackupThatBreaksOffIsCut holds that nobody takes a part for the whole.
func TestBackupThatBreaksOffIsCut(t *testing.T) {
	r := newRig(t, func(c *web.Config) {
		c.Backup = func(_ context.Context, w io.Writer) error {
			_, err := w.Write(make([]byte, 1<<20))
			return errors.Join(err, errors.New("disk full"))
		}
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/api/v1/backup", nil)
	check(t, err)
	req.Header.Set("Authorization", "Bearer "+r.super.token)
	resp, err := http.DefaultClient.Do(req)
	check(t, err)
	defer resp.Body.Close()
	if n, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Errorf("%d bytes came, and then a good end", n)
	}
}
