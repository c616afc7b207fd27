package graph

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestBasesFollowTargets(t *testing.T) {
	for _, tt := range []struct {
		c    Config
		want string
	}{
		{Config{Target: "dgraph://a:9080"}, "[http://a:8080]"},
		{Config{Target: "dgraph://a:9080,[::1]:9081/"}, "[http://a:8080 http://[::1]:8081]"},
		{Config{Target: "dgraph://a:9080", HTTP: "https://b:1/,https://c:2"}, "[https://b:1 https://c:2]"},
	} {
		bases, err := tt.c.bases()
		if got := fmt.Sprint(bases); err != nil || got != tt.want {
			t.Errorf("%+v: got %s, %v; want %s", tt.c, got, err, tt.want)
		}
	}
}

// TestHTTPGoesToWhoIsThere asks three servers of which the first is gone: the second answers, body and all, and the third is not troubled.
func TestHTTPGoesToWhoIsThere(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	echo := func(name string) *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			text, _ := io.ReadAll(r.Body) // what is missing shows
			fmt.Fprintf(w, "%s: %s %s", name, r.URL.Path, text)
		}))
		t.Cleanup(s.Close)
		return s
	}
	second, third := echo("second"), echo("third")
	client, base, err := Config{HTTP: strings.Join([]string{gone.URL, second.URL, third.URL}, ",")}.httpClient()
	if err != nil {
		t.Fatal(err)
	}
	ask := func() (string, error) {
		resp, err := client.Post(base+"/alter", "text/plain", strings.NewReader("hello"))
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		return string(text), err
	}
	if got, err := ask(); err != nil || got != "second: /alter hello" {
		t.Errorf("got %q, %v", got, err)
	}
	second.Close()
	client.CloseIdleConnections() // on one that broke, nobody knows what the server had
	if got, err := ask(); err != nil || got != "third: /alter hello" {
		t.Errorf("got %q, %v", got, err)
	}
	third.Close()
	if got, err := ask(); err == nil {
		t.Errorf("got %q from nobody", got)
	}
}
