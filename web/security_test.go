package web_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cybexp/cybexp/identity"
)

// raw sends bytes as they are and gives the status line that comes back, or "" when the server only closes.
func (r *rig) raw(text string) string {
	r.t.Helper()
	conn := must(net.Dial("tcp", strings.TrimPrefix(r.url, "http://")))(r.t)
	defer conn.Close()
	_, _ = io.WriteString(conn, text) // it may be closed before it has read all
	line, _ := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(line)
}

// TestHostileRequests sends what no client of ours would. Whatever is answered, nothing of the server comes out, and it goes on serving.
func TestHostileRequests(t *testing.T) {
	r := newRig(t)
	slow := must(net.Dial("tcp", strings.TrimPrefix(r.url, "http://")))(t)
	defer slow.Close()
	must(io.WriteString(slow, "GET /api/v1/me HTTP/1.1\r\nHost: x\r\nX-Slow: "))(t) // and no more

	host := "Host: x\r\nConnection: close\r\n"
	for name, c := range map[string]struct{ text, want string }{
		"out of the page's folder":      {"GET /../../../../etc/passwd HTTP/1.1\r\n" + host + "\r\n", " 40"},
		"out of it, escaped":            {"GET /assets/..%2f..%2f..%2fetc%2fpasswd HTTP/1.1\r\n" + host + "\r\n", " 40"},
		"out of it, escaped twice":      {"GET /%252e%252e/%252e%252e/etc/passwd HTTP/1.1\r\n" + host + "\r\n", " 40"},
		"a header of a megabyte":        {"GET /ping HTTP/1.1\r\n" + host + "X-Big: " + strings.Repeat("a", 1<<20) + "\r\n\r\n", " 431 "},
		"a path of a megabyte":          {"GET /" + strings.Repeat("a", 1<<20) + " HTTP/1.1\r\n" + host + "\r\n", " 431 "},
		"a line break in a header":      {"GET /ping HTTP/1.1\r\n" + host + "X-Request-Id: a\rlevel=ERROR msg=forged\r\n\r\n", " 400 "},
		"two lengths":                   {"POST /query HTTP/1.1\r\n" + host + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde", " 400 "},
		"a length and chunks":           {"POST /query HTTP/1.1\r\n" + host + "Content-Length: 5\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", " 501 "},
		"no host":                       {"GET /ping HTTP/1.1\r\nConnection: close\r\n\r\n", " 400 "},
		"no HTTP":                       {"\x16\x03\x01\x00\x00\r\n\r\n", " 400 "},
		"a method of nobody, with text": {"<script>alert(1)</script> / HTTP/1.1\r\n" + host + "\r\n", " 40"},
	} {
		if got := r.raw(c.text); !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q", name, got)
		}
	}

	deep := strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000)
	for name, c := range map[string]struct{ path, body string }{
		"a deep body":                  {"/api/v1/reports", deep},
		"deep parameters":              {"/api/v1/reports", `{"tdql":"events","params":{"a":` + deep + `}}`},
		"deep classic data":            {"/query", `{"type":"count","data":` + deep + `}`},
		"a number of a million digits": {"/query", `{"type":"count","data":{"sub_type":"port","data":` + strings.Repeat("9", 1_000_000) + `}}`},
		"many nested parentheses":      {"/api/v1/tdql/check", `{"tdql":"events where ` + strings.Repeat("(", 60_000) + `"}`},
	} {
		got := r.post(r.reader, c.path, c.body)
		failed := got.status == http.StatusCreated && strings.Contains(string(got.body), `"status":"failed"`) // as classic clients expect it
		if got.status != http.StatusBadRequest && got.status != http.StatusRequestEntityTooLarge && !failed {
			t.Errorf("%s: got %d %.300s", name, got.status, got.body)
		}
	}

	// Who sends a header letter by letter is cut off.
	check(t, slow.SetReadDeadline(time.Now().Add(2*time.Minute)))
	if _, err := io.ReadAll(slow); err != nil {
		t.Errorf("a slow caller is still there: %v", err)
	}
	if log := r.log.String(); strings.Contains(log, "msg=forged") || strings.Contains(log, "<script>") {
		t.Error("the log has what a caller wrote")
	}
	if got := r.get(r.reader, "/api/v1/me"); got.status != http.StatusOK {
		t.Errorf("afterwards: got %d %s", got.status, got.body)
	}
}

// TestTextIsNoDQL asks for values that would be DQL if they got into it as they are.
func TestTextIsNoDQL(t *testing.T) {
	r := newRig(t)
	r.load(logins(2))
	for _, value := range []string{
		`")) { uid expand(_all_) } q(func: has(value`, `$a`, `x") or has(orgid) or eq(value, "`, "\\\") }\n{ q(func: has(hash)) { hash } }", "/.*/", "0x1",
	} {
		body := fmt.Sprintf(`{"type":"count","data":{"sub_type":"username","data":%q},"redo":true}`, value)
		if got := r.post(r.reader, "/query", body); got.status != http.StatusCreated || got.member(t, "data") != 0.0 {
			t.Errorf("%q: got %d %s", value, got.status, got.body)
		}
		text := fmt.Sprintf(`{"tdql":"count username $v","params":{"v":%q}}`, value)
		if got := r.post(r.reader, "/query", text); got.status != http.StatusCreated || fmt.Sprint(got.member(t, "data")) != "[map[count:0]]" {
			t.Errorf("as a parameter, %q: got %d %s", value, got.status, got.body)
		}
	}
}

// TestInflatedMessages sends a message over the websocket that is small on the way and large when it is unpacked.
func TestInflatedMessages(t *testing.T) {
	r := newRig(t)
	dialer := websocket.Dialer{EnableCompression: true}
	header := http.Header{"Authorization": {"Bearer " + r.reader.token}}
	conn, _, err := dialer.DialContext(t.Context(), strings.Replace(r.url, "http", "ws", 1)+"/ws", header)
	check(t, err)
	defer conn.Close()
	conn.EnableWriteCompression(true)
	check(t, conn.WriteMessage(websocket.TextMessage, []byte(`{"op":"query","id":"q","tdql":"`+strings.Repeat(" ", 8<<20)+`"}`)))
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseMessageTooBig) {
		t.Errorf("got %v", err)
	}
}

// TestPackedUploadsAreNotUnpacked sends what would be large when it is unpacked: it is kept as the bytes that it is.
func TestPackedUploadsAreNotUnpacked(t *testing.T) {
	r := newRig(t)
	got := r.do(call{
		method: http.MethodPost, path: "/api/v1/raw?typetag=unheard_of&org=" + r.orgName, as: r.admin,
		header: http.Header{"Content-Encoding": {"gzip"}}, body: strings.NewReader("\x1f\x8b\x08 not unpacked"),
	})
	if got.status != http.StatusCreated && got.status != http.StatusUnsupportedMediaType && got.status != http.StatusBadRequest || got.status == http.StatusCreated && got.member(t, "bytes") != 16.0 {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

// TestRacingAdministrators lets two administrators remove each other at once, often: one of them stays, each time.
func TestRacingAdministrators(t *testing.T) {
	r := newRig(t)
	for range 5 {
		for _, p := range []person{r.admin, r.reader} {
			must(r.users.Grant(t.Context(), r.org.Hash, p.Hash, identity.Admin))(t)
		}
		var wg sync.WaitGroup
		for _, pair := range [][2]person{{r.admin, r.reader}, {r.reader, r.admin}} {
			wg.Go(func() {
				path := "/api/v1/orgs/" + r.orgName + "/members/" + pair[1].Hash.String()
				got := r.as(pair[0], http.MethodDelete, path, "")
				if !slices.Contains([]int{200, 403, 404, 409}, got.status) {
					t.Errorf("got %d %s", got.status, got.body)
				}
			})
		}
		wg.Wait()
		if org := must(r.users.Org(t.Context(), r.org.Hash))(t); len(org.Admins) == 0 {
			t.Fatal("nobody is left")
		}
	}
}

// TestSecurityTestsAreThere holds docs/security-tests.md to the tests that it names.
func TestSecurityTestsAreThere(t *testing.T) {
	text := string(must(os.ReadFile("../docs/security-tests.md"))(t))
	names := regexp.MustCompile("`([a-z/]+)`\\.((?:Test|Fuzz)\\w+)").FindAllStringSubmatch(text, -1)
	if len(names) < 30 {
		t.Errorf("only %d tests are named", len(names))
	}
	for _, name := range names {
		if !hasTest(t, "../"+name[1], name[2]) {
			t.Errorf("there is no %s in %s", name[2], name[1])
		}
	}
}

// hasTest tells whether a folder has a test function of a name.
func hasTest(t *testing.T, dir, name string) bool {
	t.Helper()
	for _, f := range must(os.ReadDir(dir))(t) {
		if !strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		if strings.Contains(string(must(os.ReadFile(dir+"/"+f.Name()))(t)), "\nfunc "+name+"(") {
			return true
		}
	}
	return false
}
