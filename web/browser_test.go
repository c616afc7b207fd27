package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// browsers are the programs that can run these tests.
var browsers = []string{"chromium", "chromium-browser", "google-chrome"}

// screenshots names a folder for pictures of the page, for people to look at; none are taken without it.
const screenshots = "CYBEXP_SCREENSHOTS"

// A desk is a platform and a browser before it, which the page's tests share.
type desk struct {
	*rig
	browser context.Context
}

// newDesk starts a platform and a browser. It ends both with the test.
func newDesk(t *testing.T) *desk {
	t.Helper()
	return &desk{rig: newRig(t), browser: startBrowser(t)}
}

func startBrowser(t *testing.T) context.Context {
	t.Helper()
	program := ""
	for _, name := range browsers {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		t.Fatalf("no browser: install one of %s (apt-get install chromium)", strings.Join(browsers, ", "))
	}
	// The graph is drawn with WebGL, which a machine without a graphics card has in software.
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program),
		chromedp.Flag("use-angle", "swiftshader"), chromedp.Flag("enable-unsafe-swiftshader", true))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	_, err := chromedp.Run(ctx, chromedp.Navigate("about:blank"))
	check(t, err)
	return ctx
}

// at is the desk of a part of the test.
func (d *desk) at(t *testing.T) *desk {
	r := *d.rig
	r.t = t
	return &desk{rig: &r, browser: d.browser}
}

// A tab is a page in a real browser, with cookies and storage of its own.
type tab struct {
	*testing.T
	ctx context.Context
	url string // the server's address

	mu    sync.Mutex
	asked []string // addresses that the page asked
	said  []string // what went wrong, in the words of the browser
}

// open shows the page in a new tab of that size and theme. At the end of the test, the browser must have had nothing to complain of.
func (d *desk) open(width, height int64, scheme string) *tab {
	d.t.Helper()
	ctx, cancel := chromedp.NewContext(d.browser, chromedp.WithNewBrowserContext())
	b := &tab{T: d.t, ctx: ctx, url: d.url}
	check(d.t, chromedp.Listen(ctx, b.hear))
	b.do(chromedp.EmulateViewport(width, height, emulate(width)...),
		command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		}))
	d.t.Cleanup(func() {
		if got := b.complaints(); len(got) > 0 && !d.t.Failed() {
			d.t.Errorf("the browser complains: %q", got)
		}
		cancel()
	})
	return b
}

// enter opens the page and signs somebody in.
func (d *desk) enter(width, height int64, scheme string, who person) *tab {
	d.t.Helper()
	b := d.open(width, height, scheme)
	b.visit("/")
	b.signIn(who)
	return b
}

// emulate makes a narrow page a phone's.
func emulate(width int64) []chromedp.EmulateViewportOption {
	if width < 500 {
		return []chromedp.EmulateViewportOption{chromedp.EmulateMobile, chromedp.EmulateTouch}
	}
	return nil
}

// command makes an action of a command of the browser's protocol.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

func (b *tab) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.asked = append(b.asked, e.Request.URL)
	case *network.EventWebSocketCreated:
		b.asked = append(b.asked, e.URL)
	case *runtime.EventExceptionThrown:
		text, _ := json.Marshal(e.ExceptionDetails) // it came as JSON
		b.said = append(b.said, string(text))
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError && !refused.MatchString(e.Entry.Text) {
			b.said = append(b.said, e.Entry.Text+" "+e.Entry.URL)
		}
	}
}

// refused is what the browser says of an answer that the page deals with: nobody is signed in, a query has a fault, an organisation would lose its last
// administrator, a line is cut.
var refused = regexp.MustCompile(`status of (400|401|404|409) |^WebSocket connection to|ERR_(CONNECTION|EMPTY)`)

// complaints returns what the browser complained of, and that the page asked other hosts.
func (b *tab) complaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.said
	host := strings.TrimPrefix(b.url, "http://")
	for _, address := range b.asked {
		if u, err := url.Parse(address); err != nil || (u.Host != host && u.Scheme != "blob" && u.Scheme != "about") {
			all = append(all, "asked "+address)
		}
	}
	return all
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	for _, action := range actions {
		_ = result(b, action)
	}
}

// result runs an action. When that fails, the test's report has the page's text.
func result[T any](b *tab, action chromedp.Action[T]) T {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	v, err := chromedp.Run(ctx, action)
	if err != nil {
		page, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText")) // the first error is the one that matters
		b.Fatalf("%v\npage:\n%s\nbrowser: %q", err, page, b.complaints())
	}
	return v
}

// until waits until an expression of the page is true.
func (b *tab) until(expression string) {
	b.Helper()
	_ = result(b, chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(30*time.Second)))
}

// value evaluates an expression of the page.
func value[T any](b *tab, expression string) T {
	b.Helper()
	return result(b, chromedp.Evaluate[T](expression))
}

// text is what the first element of a selector says, without what only screen readers are told.
func (b *tab) text(selector string) string {
	b.Helper()
	return value[string](b, fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector))
}

// shows waits until an element says something.
func (b *tab) shows(selector, text string) {
	b.Helper()
	b.until(fmt.Sprintf("[...document.querySelectorAll(%q)].some((e) => e.innerText.includes(%q))", selector, text))
}

// visit opens an address of the server.
func (b *tab) visit(path string) {
	b.Helper()
	b.do(chromedp.Navigate(b.url + path))
	b.until(`document.querySelector(".sign-in, .shell") !== null`)
}

// click clicks the first visible element of a selector that has the text; "" is any.
func (b *tab) click(selector, text string) {
	b.Helper()
	const find = `((e) => e && (e.scrollIntoView({block: "nearest"}), e.click(), true))([...document.querySelectorAll(%q)].find((e) => e.checkVisibility() && !e.disabled && (e.innerText + (e.ariaLabel ?? "")).includes(%q)))`
	b.until(fmt.Sprintf(find, selector, text))
}

// fill types into a field in place of what is there, and presses Enter.
func (b *tab) fill(selector, text string) {
	b.Helper()
	b.until(fmt.Sprintf("((e) => e?.checkVisibility() && (e.focus(), e.select(), true))(document.querySelector(%q))", selector))
	b.do(command(input.InsertText, input.InsertTextParams{Text: text}), chromedp.KeyEvent(kb.Enter))
}

func (b *tab) signIn(who person) {
	b.Helper()
	b.click(".sign-in summary", "")
	b.fill("[name=token]", who.token)
	b.until(`document.querySelector(".shell") !== null`)
}

// editing is the editor's element that holds its text.
const editing = `document.querySelector("[data-editor]")?.shadowRoot?.querySelector(".cm-content")`

// write puts a query into the editor as if it was typed.
func (b *tab) write(query string) {
	b.Helper()
	b.until(editing + " instanceof Element && (" + editing + ".focus(), true)")
	b.do(chromedp.KeyEvent("a", chromedp.KeyModifiers(chromedp.ModifierCtrl)), command(input.InsertText, input.InsertTextParams{Text: query}))
}

// ask puts a query into the editor and runs it as a person would.
func (b *tab) ask(query string) {
	b.Helper()
	b.write(query)
	b.do(chromedp.KeyEvent(kb.Enter, chromedp.KeyModifiers(chromedp.ModifierCtrl)))
}

// state waits until the query on the desk has come to this state: ready, failed, cancelled, processing, wait or lost.
func (b *tab) state(name string) {
	b.Helper()
	b.until(fmt.Sprintf("document.querySelector('.life')?.dataset.state === %q", name))
}

// inspect has axe-core look at the page, and takes a picture of it.
func (b *tab) inspect(axe, name string) {
	b.Helper()
	const run = `axe.run(document, {resultTypes: ["violations"], runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}).then((r) =>
		r.violations.filter((v) => ["serious", "critical"].includes(v.impact)).map((v) => v.id + ": " + v.nodes.map((n) => n.target.join(" ") + " " + n.html.slice(0, 120)).join("; ")))`
	if !value[bool](b, `typeof axe === "object"`) {
		b.do(chromedp.Evaluate[chromedp.Void](axe))
	}
	found := result(b, chromedp.Evaluate[[]string](run, chromedp.EvalAwaitPromise))
	for _, text := range found {
		b.Errorf("%s: %s", name, text)
	}
	if wide := value[int](b, "document.documentElement.scrollWidth - innerWidth"); wide > 0 {
		b.Errorf("%s: %d pixels wider than the page", name, wide)
	}
	b.picture(name)
}

// picture takes a picture of the page for people to look at.
func (b *tab) picture(name string) {
	b.Helper()
	dir := os.Getenv(screenshots)
	if dir == "" {
		return
	}
	check(b.T, os.MkdirAll(dir, 0o755))
	check(b.T, os.WriteFile(filepath.Join(dir, name+".png"), result(b, chromedp.CaptureScreenshot()), 0o644))
}
