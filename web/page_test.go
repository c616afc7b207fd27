package web_test

import (
	"compress/gzip"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/cybexp/cybexp/web/ui"
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

// TestPage does the jobs of the page in a real browser, before one platform.
func TestPage(t *testing.T) {
	d := newDesk(t)
	d.load(logins(2300))
	for _, job := range []struct {
		name string
		do   func(*testing.T, *desk)
	}{
		{"answers", answers},
		{"faults have a place", faultsHaveAPlace},
		{"many rows are few elements", manyRows},
		{"signs in and out", signsInAndOut},
		{"resumes when the line breaks", resumes},
		{"parameters", parameters},
		{"watches", watches},
		{"reports", reportList},
		{"an indicator becomes a query", indicators},
		{"the timeline chooses a time", timeline},
		{"saved queries", savedQueries},
		{"looks", looks},
		{"graph of a result", graphOfAResult},
		{"graph: paths", graphPaths},
		{"graph: filters", graphFilters},
		{"graph: files", graphFiles},
		{"graph without WebGL", graphWithoutWebGL},
		{"judges and comments", judges},
		{"brings", brings},
		{"a day with a real log", aDay},
		{"runs organisations and users", runsOrganisations},
		{"runs tokens and the password", runsTokens},
		{"runs sources and dead letters", runsSources},
	} {
		t.Run(job.name, func(t *testing.T) { job.do(t, d.at(t)) })
	}
}

func answers(t *testing.T, d *desk) {
	b := d.enter(1280, 800, "light", d.reader)
	b.ask("events | limit 30")
	b.state("ready")
	if got := b.text(".life"); !strings.Contains(got, "30 rows") {
		t.Errorf("state: got %q", got)
	}
	b.until(`document.querySelector(".grid")?.ariaRowCount === "31"`)
	if got := b.text(".grid-head"); !strings.Contains(got, "timestamp") || !strings.Contains(got, "hash") {
		t.Errorf("columns: got %q", got)
	}
	const off = `[...document.querySelectorAll("[role=columnheader]")].map((h, i) => Math.round(h.getBoundingClientRect().x - document.querySelectorAll(".grid-row")[0].children[i].getBoundingClientRect().x))`
	for i, pixels := range value[[]int](b, off) {
		if pixels != 0 {
			t.Errorf("head %d stands %d pixels beside its cells", i, pixels)
		}
	}
	if got := value[string](b, "location.search"); got != "?q=events+%7C+limit+30" {
		t.Errorf("address: got %q", got)
	}
	b.click(".grid-row", "")
	b.click(".pivots a", "Attributes")
	b.shows(".canonical", "| attributes")
	b.state("ready")
	b.click(".see button", "Export")
	href := value[string](b, `document.querySelector(".menu-list a").href`)
	if got := d.get(d.reader, strings.TrimPrefix(href, d.url)); got.header.Get("Content-Disposition") == "" || !strings.HasPrefix(string(got.body), "hash,") {
		t.Errorf("export: got %v %.80s", got.header, got.body)
	}
	b.do(chromedp.NavigateBack())
	b.shows(".canonical", "events | limit 30")
	b.state("ready")
}

func faultsHaveAPlace(t *testing.T, d *desk) {
	b := d.enter(1280, 800, "light", d.reader)
	b.write("events last 7x")
	b.until(`document.querySelector("[data-editor]").shadowRoot.querySelector(".cm-lintRange-error")?.textContent === "7x"`)
	b.ask("ipv4 (1.1.1.1, \"🐙\") |\n events last 7x | limit z")
	b.state("failed")
	got := b.text(".faults")
	for _, want := range []string{"line 2, column 14", " events last 7x | limit z\n             ^^", "durations are a number and a unit"} {
		if !strings.Contains(got, want) {
			t.Errorf("faults lack %q:\n%s", want, got)
		}
	}
	b.click(".faults button", "Show")
	b.do(chromedp.KeyEvent("9"))
	b.until(editing + `.innerText.includes("last 9 | limit z")`)
	b.ask("events | limit 1")
	b.state("ready")
	b.until(`document.querySelector(".faults") === null`)
}

func manyRows(t *testing.T, d *desk) {
	b := d.enter(1280, 800, "light", d.reader)
	b.ask("events from 2025-01-01 to 2025-03-11 | count by minute")
	b.state("ready")
	b.until(`document.querySelector(".grid")?.ariaRowCount === "99362"`)
	if n := value[int](b, `document.querySelectorAll(".grid-row").length`); n > 80 {
		t.Errorf("%d rows in the page, want those that are seen", n)
	}
	b.do(chromedp.Focus(chromedp.CSS(".grid")), chromedp.KeyEvent(kb.End))
	b.shows(".grid-row[aria-selected=true]", "2025-03-11T00:00")
	b.do(chromedp.KeyEvent(kb.ArrowUp))
	b.shows(".grid-row[aria-selected=true]", "2025-03-10T23:59")
}

func signsInAndOut(t *testing.T, d *desk) {
	b := d.open(390, 844, "dark")
	b.visit("/?q=events+%7C+count")
	b.click(".sign-in summary", "")
	b.fill("[name=token]", "wrong")
	b.shows("[role=alert]", "The token is not valid.")
	b.fill("[name=token]", d.reader.token)
	b.state("ready") // a shared link's query
	b.do(chromedp.Reload())
	b.until(`document.querySelector(".shell") !== null`)
	b.shows(".who", "rita")
	b.click(".rail-foot .menu button", "")
	b.click("[role=menuitem]", "Sign out")
	b.until(`document.querySelector(".sign-in") !== null`)
	b.do(chromedp.Reload())
	b.until(`document.querySelector(".sign-in") !== null`)
	if kept := value[string](b, "JSON.stringify([sessionStorage, document.cookie])"); kept != `[{},""]` {
		t.Errorf("kept after signing out: %s", kept)
	}
}

func resumes(t *testing.T, d *desk) {
	l := newLine(t, strings.TrimPrefix(d.url, "http://"))
	d.url = "http://" + l.Addr().String()
	b := d.enter(1280, 800, "light", d.reader)
	b.until(editing + " instanceof Element")
	l.breakAfter(60 << 10)
	b.ask("events")
	b.until(`document.querySelector(".line-lost") !== null`)
	if l.unbroken() {
		t.Error("the line never broke: the test tests nothing")
	}
	b.state("ready")
	total := value[string](b, `document.querySelector(".life strong").innerText.replace(/\D/g, "")`)
	b.until(fmt.Sprintf(`document.querySelector(".grid")?.ariaRowCount === String(%s + 1)`, total))
	rows := strings.Fields(strings.TrimSpace(string(d.get(d.reader, "/api/v1/reports?limit=1").body)))
	if len(rows) == 0 || !strings.Contains(rows[0], `"rows":`+total) {
		t.Errorf("the page has %s rows, the report: %s", total, rows)
	}
}

func parameters(t *testing.T, d *desk) {
	b := d.enter(1280, 800, "light", d.reader)
	b.write("ipv4 $ip | events | count")
	b.fill(".params input", "198.51.100.7")
	b.state("ready")
	b.shows(".document", "2,300")
	b.do(chromedp.Reload())
	b.state("ready")
	b.shows(".document", "2,300")
}

func watches(t *testing.T, d *desk) {
	b := d.enter(1280, 800, "light", d.reader)
	b.click(".nav a", "Watches")
	b.fill("[name=tdql]", "events where ipv4 = 203.0.113.99")
	b.shows(".watch-list", "watching")
	b.click(".nav a", "Reports")
	b.shows(".reports", "watch events")
	d.load(strings.Replace(login, "198.51.100.7", "203.0.113.99", 1))
	b.shows(".toast", "1 match")
	b.click(".toast a", "")
	b.until(`document.querySelectorAll(".grid-row").length > 0`)
}

func reportList(t *testing.T, d *desk) {
	b := d.enter(390, 844, "light", d.reader)
	b.visit("/reports")
	b.until(`document.querySelector(".screen") !== null`)
	got := d.post(d.reader, "/api/v1/reports", `{"tdql":"events | limit 7"}`)
	if got.status != http.StatusCreated && got.status != http.StatusAccepted {
		t.Fatalf("ask: got %d %s", got.status, got.body)
	}
	b.click(".reports a", "events | limit 7")
	b.state("ready")
	b.until(`document.querySelector(".grid")?.ariaRowCount === "8"`)
}

func indicators(t *testing.T, d *desk) {
	b := d.enter(1280, 800, "light", d.reader)
	b.until(`document.querySelector(".indicator textarea") !== null`)
	b.fill(".indicator textarea", "seen 198[.]51.100.7 and hxxp://evil[.]com/a?b=c")
	b.shows(".picks", "http://evil.com/a?b=c")
	b.click(".picks a.pick", "198.51.100.7")
	b.shows(".canonical", "ipv4 198.51.100.7 | events")
	b.state("ready")
	if got := b.text(".life strong"); got != "2,300 rows" {
		t.Errorf("got %q", got)
	}
}

func timeline(t *testing.T, d *desk) {
	b := d.enter(1280, 800, "light", d.reader)
	b.ask("events login where ipv4 = 198.51.100.7")
	b.state("ready")
	b.until(`document.querySelector(".u-over")?.clientWidth > 300`)
	box := value[[]float64](b, `((r) => [r.x, r.y, r.width, r.height])(document.querySelector(".u-over").getBoundingClientRect())`)
	mouse := func(kind input.DispatchMouseEventType, part float64) chromedp.Action[chromedp.Void] {
		return command(input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: kind, X: box[0] + part*box[2], Y: box[1] + box[3]/2,
			Button: input.MouseButtonLeft, Buttons: 1, ClickCount: 1})
	}
	b.do(mouse(input.DispatchMouseEventTypeMouseMoved, 0.5), mouse(input.DispatchMouseEventTypeMousePressed, 0.5), mouse(input.DispatchMouseEventTypeMouseMoved, 0.6), mouse(input.DispatchMouseEventTypeMouseMoved, 0.75),
		mouse(input.DispatchMouseEventTypeMouseReleased, 0.75))
	b.shows(".canonical", "events login from 2025-04-12T00:")
	b.state("ready")
	b.until(`((n) => n > 300 && n < 1200)(Number(document.querySelector(".life strong").innerText.replace(/\D/g, "")))`)
	b.click(".asker-bar button", "Time")
	b.click("[role=menuitem]", "Last hour")
	b.shows(".canonical", "events login last 1h")
}

func savedQueries(t *testing.T, d *desk) {
	b := d.enter(1280, 800, "light", d.reader)
	b.write("events login | limit 3")
	b.click(".asker-bar button", "Saved")
	b.fill(".save input", "three logins")
	b.shows(".picks", "three logins")
	b.do(chromedp.Reload())
	b.until(`document.querySelector(".shell") !== null`)
	b.click(".asker-bar button", "Saved")
	b.click(".picks button", "three logins")
	b.until(editing + `?.innerText.includes("limit 3")`)
}

// looks opens every screen in both themes and on both sizes of screen. axe-core must find nothing serious, and nothing is wider than the page.
func looks(t *testing.T, d *desk) {
	axe, err := os.ReadFile("ui/node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Skipf("axe-core is not installed: run make ui-deps (%v)", err)
	}
	at := func(query string) string { return "/?q=" + url.QueryEscape(query) }
	ready := `document.querySelector(".life")?.dataset.state === "ready"`
	views := []struct{ name, path, shown, then string }{ // then is clicked
		{"start", "/", `document.querySelector(".start") !== null`, ""},
		{"rows", at("events login | limit 500"), ready + ` && document.querySelector(".grid-row") !== null`, ".grid-row"},
		{"explain", at("explain events | count by sub_type"), ready + ` && document.querySelector(".document") !== null`, ""},
		{"top", at("events | attributes password | top 20"), ready, ""},
		{"graph", at("events | limit 60") + "&view=graph", `document.querySelector(".graph-canvas")?.dataset.settled === "true" && document.querySelector(".graph-legend") !== null`, ""},
		{"bring", "/bring", `document.querySelector(".screen h1")?.innerText === "Bring"`, ""},
		{"faults", at("count ipv4 198.51.100.7 last 7x\n| limit z"), `document.querySelector(".faults") !== null`, ""},
		{"parameters", at("ipv4 $ip | events"), `document.querySelector(".params") !== null`, ""},
		{"reports", "/reports", `document.querySelectorAll(".reports td").length > 0`, ""},
		{"watches", "/watches", `document.querySelector(".watch-form") !== null`, ""},
	}
	for _, way := range []struct {
		width, height int64
		scheme        string
	}{{1280, 800, "light"}, {1280, 800, "dark"}, {390, 844, "light"}, {390, 844, "dark"}} {
		b := d.open(way.width, way.height, way.scheme)
		b.visit("/")
		look := func(name string) { b.inspect(string(axe), fmt.Sprintf("%d-%s-%s", way.width, way.scheme, name)) }
		look("sign-in")
		b.signIn(d.reader)
		for _, v := range views {
			b.visit(v.path)
			b.until(v.shown)
			look(v.name)
			if v.then != "" {
				b.click(v.then, "")
				b.until(`document.querySelector(".around li") !== null`)
				look(v.name + "-details")
			}
		}
		b.do(chromedp.KeyEvent("?"))
		b.until(`document.querySelector("dialog[open]") !== null`)
		look("keys")
	}
}

func TestPageCancels(t *testing.T) {
	d := &desk{rig: startRig(t, 0), browser: startBrowser(t)} // nobody works on queries
	b := d.enter(390, 844, "light", d.reader)
	b.ask("events")
	b.state("wait")
	b.click(".see-bar button", "Cancel")
	b.state("cancelled")
	eventually(t, "report", func() bool {
		return strings.Contains(string(d.get(d.reader, "/api/v1/reports").body), `"status":"cancelled"`)
	})
}

// TestPageIsSmall holds the page to a size that loads at once.
func TestPageIsSmall(t *testing.T) {
	var all counter
	first := counter(0) // what is fetched before anything is asked
	err := fs.WalkDir(ui.Files(), "assets", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		body, err := fs.ReadFile(ui.Files(), name)
		if err != nil {
			return err
		}
		size := packed(t, body)
		all += size
		if !strings.Contains(name, "/editor-") && !strings.Contains(name, "/graph-") {
			first += size
		}
		return nil
	})
	check(t, err)
	if all > 250<<10 || first > 100<<10 {
		t.Errorf("the page is %d bytes compressed, %d of them without editor and graph: want 250 KiB and 100 KiB at most", all, first)
	}
}

type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

func packed(t *testing.T, body []byte) counter {
	t.Helper()
	var n counter
	w := must(gzip.NewWriterLevel(&n, gzip.BestCompression))(t)
	_, err := w.Write(body)
	check(t, err)
	check(t, w.Close())
	return n
}
