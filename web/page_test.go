package web_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// logins makes n records of a honeypot, a second apart.
func logins(n int) string {
	var b strings.Builder
	start := time.Date(2025, 4, 12, 0, 0, 0, 0, time.UTC)
	for i := range n {
		record := strings.Replace(login, "2025-04-12T00:15:16.647042Z", start.Add(time.Duration(i)*time.Second).Format("2006-01-02T15:04:05.000000Z"), 1)
		b.WriteString(strings.Replace(record, "toor", fmt.Sprintf("pass%d", i%25), 2) + "\n")
	}
	return b.String()
}

func TestPageAnswers(t *testing.T) {
	r := newRig(t)
	r.load(logins(40))
	b := openTab(t, 1280, 800, "light")
	b.signIn(r, r.reader)
	b.ask("events | limit 30")
	b.until(`document.querySelectorAll("#rows tr").length === 30`)
	b.until(`document.getElementById("status").innerText.includes("Done")`)
	if got := b.text("shown"); got != "30 rows" {
		t.Errorf("below the table: got %q", got)
	}
	if fields := b.text("fields"); !strings.Contains(fields, "hash") || !strings.Contains(fields, "timestamp") {
		t.Errorf("columns: got %q", fields)
	}
	if got := value[string](b, "location.hash"); got != "#q=events%20%7C%20limit%2030" {
		t.Errorf("address: got %q", got)
	}
	b.until(`!document.getElementById("download").hidden`)
	b.do(chromedp.Click(chromedp.CSS("#download")))
	b.until(`performance.getEntriesByType("resource").some((e) => e.name.endsWith("/rows") && e.responseStatus === 200)`)
	if got := b.text("said"); got != "Done, 30 rows" {
		t.Errorf("said to a screen reader: got %q", got)
	}
	if got := b.complaints(strings.TrimPrefix(r.url, "http://")); len(got) > 0 {
		t.Errorf("the browser complains: %q", got)
	}
}

func TestPageShowsFaultsAtTheirPlace(t *testing.T) {
	r := newRig(t)
	b := openTab(t, 1280, 800, "light")
	b.signIn(r, r.reader)
	b.ask("ipv4 (1.1.1.1, \"🐙\") |\n events last 7x | limit z")
	b.do(chromedp.WaitVisible(chromedp.CSS("#faults")))
	got := b.text("faults")
	for _, want := range []string{"line 2, column 14", " events last 7x | limit z\n             ^^", "durations are a number and a unit"} {
		if !strings.Contains(got, want) {
			t.Errorf("faults lack %q:\n%s", want, got)
		}
	}
	b.do(chromedp.Click(chromedp.CSS("#faults .goto")))
	marked := value[string](b, `(() => { const q = document.getElementById("query"); return q.value.slice(q.selectionStart, q.selectionEnd) })()`)
	if marked != "7x" {
		t.Errorf("selected %q, want 7x", marked)
	}
	b.ask("events | limit 1")
	b.until(`document.getElementById("faults").hidden`)
}

func TestPageCancels(t *testing.T) {
	r := startRig(t, 0) // nobody works on queries
	b := openTab(t, 390, 844, "light")
	b.signIn(r, r.reader)
	b.ask("events")
	b.until(`document.getElementById("status").innerText.includes("Waiting")`)
	b.do(chromedp.Click(chromedp.CSS("#cancel")))
	b.until(`document.getElementById("status").innerText.includes("Cancelled")`)
	b.until(`document.getElementById("cancel").hidden`)
	eventually(t, "report", func() bool {
		return strings.Contains(string(r.get(r.reader, "/api/v1/reports").body), `"status":"cancelled"`)
	})
}

func TestPageShowsManyRowsInParts(t *testing.T) {
	r := newRig(t)
	r.load(logins(2300))
	b := openTab(t, 1280, 800, "light")
	b.signIn(r, r.reader)
	b.ask("events")
	b.until(`document.getElementById("status").innerText.includes("Done")`)
	total := value[string](b, `document.getElementById("shown").innerText.match(/of ([\d,]+)/)[1]`)
	if got := b.text("shown"); got != "Showing 1,000 of "+total {
		t.Errorf("got %q", got)
	}
	if n := value[int](b, `document.querySelectorAll("#rows tr").length`); n != 1000 {
		t.Errorf("%d rows in the page, want 1000", n)
	}
	b.do(chromedp.Click(chromedp.CSS("#more")))
	b.until(`document.querySelectorAll("#rows tr").length === 2000`)
	b.do(chromedp.Click(chromedp.CSS("#more")))
	b.until(`document.getElementById("more").hidden`)
	if got := b.text("shown"); got != total+" rows" {
		t.Errorf("got %q, want all %s", got, total)
	}
	hashes := `[...document.querySelectorAll("#rows tr td:first-child")].map((cell) => cell.innerText)`
	if rows, distinct := value[int](b, hashes+".length"), value[int](b, "new Set("+hashes+").size"); rows != distinct {
		t.Errorf("%d rows, %d of them distinct", rows, distinct)
	}
}

func TestPageSignsInAndOut(t *testing.T) {
	r := newRig(t)
	b := openTab(t, 390, 844, "dark")
	b.do(chromedp.Navigate(r.url+"/#q=events%20%7C%20count"), chromedp.WaitVisible(chromedp.CSS("#token")), chromedp.SendKeys(chromedp.CSS("#token"), "wrong"+kb.Enter))
	b.until(`document.getElementById("token-error").innerText !== ""`)
	if got := b.text("token-error"); got != "Invalid/missing token in auth header!" {
		t.Errorf("bad token: got %q", got)
	}
	b.do(chromedp.SetValue(chromedp.CSS("#token"), r.reader.token), chromedp.SendKeys(chromedp.CSS("#token"), kb.Enter), chromedp.WaitVisible(chromedp.CSS("#query")))
	if got := value[string](b, `document.getElementById("query").value`); got != "events | count" {
		t.Errorf("a shared link's query: got %q", got)
	}
	b.do(chromedp.Reload(), chromedp.WaitVisible(chromedp.CSS("#query")))
	if got := b.text("who-name"); got != "rita" {
		t.Errorf("after a reload: got %q", got)
	}
	b.do(chromedp.Click(chromedp.CSS("#sign-out")), chromedp.WaitVisible(chromedp.CSS("#token")), chromedp.Reload(), chromedp.WaitVisible(chromedp.CSS("#token")))
	if kept := value[int](b, "sessionStorage.length + localStorage.length + document.cookie.length"); kept != 0 {
		t.Errorf("something is kept after signing out")
	}
}

// line is a TCP proxy that breaks once, after it has carried some bytes to the browser.
type line struct {
	net.Listener

	mu    sync.Mutex
	conns []net.Conn
	left  int // bytes until it breaks; negative is never
}

func newLine(t *testing.T, target string) *line {
	t.Helper()
	l := &line{Listener: must(net.Listen("tcp", "127.0.0.1:0"))(t), left: -1}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", target)
			if err != nil {
				_ = near.Close()
				continue
			}
			l.mu.Lock()
			l.conns = append(l.conns, near, far)
			l.mu.Unlock()
			wg.Go(func() { l.carry(near, far, l.breaks) })
			wg.Go(func() { l.carry(far, near, func(int) bool { return false }) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); l.cut(); wg.Wait() })
	return l
}

// carry copies until either side is closed or the line breaks.
func (l *line) carry(to, from net.Conn, breaks func(int) bool) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 1<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if breaks(n) {
			l.cut()
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// breakAfter makes the line break when n more bytes have passed.
func (l *line) breakAfter(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left = n
}

func (l *line) breaks(n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left < 0 {
		return false
	}
	l.left -= n
	return l.left < 0
}

// cut closes what is open.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.conns {
		_ = conn.Close()
	}
	l.conns = nil
}

func TestPageResumesWhenTheLineBreaks(t *testing.T) {
	r := newRig(t)
	r.load(logins(2300))
	l := newLine(t, strings.TrimPrefix(r.url, "http://"))
	r.url = "http://" + l.Addr().String()
	b := openTab(t, 1280, 800, "light")
	b.signIn(r, r.reader)
	b.until(`performance.getEntriesByName(location.origin + "/api/v1/me").length > 0`)
	l.breakAfter(40 << 10)
	b.ask("events")
	b.until(`document.getElementById("status").innerText.includes("lost")`)
	if seen := value[int](b, `document.querySelectorAll("#rows tr").length`); seen == 0 {
		t.Error("the line broke before any row: the test tests nothing")
	}
	b.until(`document.getElementById("status").innerText.includes("Done")`)
	whole := value[string](b, `document.getElementById("shown").innerText.match(/of ([\d,]+)/)[1]`)
	b.do(chromedp.Click(chromedp.CSS("#more")), chromedp.Click(chromedp.CSS("#more")))
	b.until(`document.getElementById("more").hidden`)
	hashes := `[...document.querySelectorAll("#rows tr td:first-child")].map((cell) => cell.innerText)`
	got := fmt.Sprint(value[int](b, hashes+".length"), value[int](b, "new Set("+hashes+").size"))
	if want := strings.ReplaceAll(whole, ",", ""); got != want+" "+want {
		t.Errorf("rows and distinct rows: got %s, want %s of both", got, want)
	}
}

func TestPageLooks(t *testing.T) {
	if os.Getenv(screenshots) == "" {
		return // nobody looks
	}
	r := newRig(t)
	r.load(logins(1200))
	for _, size := range [][2]int64{{1280, 800}, {390, 844}} {
		for _, scheme := range []string{"light", "dark"} {
			name := fmt.Sprintf("%d-%s-", size[0], scheme)
			b := openTab(t, size[0], size[1], scheme)
			b.do(chromedp.Navigate(r.url+"/"), chromedp.WaitVisible(chromedp.CSS("#token")))
			b.picture(name + "sign-in")
			b.signIn(r, r.reader)
			b.picture(name + "desk")
			b.ask("count ipv4 198.51.100.7 last 7x\n| limit z")
			b.do(chromedp.WaitVisible(chromedp.CSS("#faults")))
			b.picture(name + "faults")
			for i, query := range []string{"events", "events | attributes password | top 20", "explain events | count by sub_type"} {
				b.ask(query)
				b.until(`document.getElementById("status").innerText.includes("Done")`)
				b.picture(fmt.Sprint(name, "rows", i))
			}
			b.do(chromedp.Evaluate[chromedp.Void](`window.scrollTo(0, document.body.scrollHeight)`))
			b.picture(name + "bottom")
		}
	}
}
