package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
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

// tab is a page in a real browser. It fails the test when the page asks another host for something or complains.
type tab struct {
	*testing.T
	ctx context.Context

	mu    sync.Mutex
	asked []string // hosts that the page asked
	said  []string // what went wrong, in the words of the browser
}

func openTab(t *testing.T, width, height int64, scheme string) *tab {
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
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.WindowSize(int(width), int(height)))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &tab{T: t, ctx: ctx}
	check(t, chromedp.Listen(ctx, b.hear))
	b.do(chromedp.EmulateViewport(width, height, emulate(width)...),
		command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		}))
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
		if e.Entry.Level == log.EntryLevelError {
			b.said = append(b.said, e.Entry.Text+" "+e.Entry.URL)
		}
	}
}

// complaints returns what the browser complained of, and that the page asked other hosts.
func (b *tab) complaints(host string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.said
	for _, address := range b.asked {
		if u, err := url.Parse(address); err != nil || (u.Host != host && host != "" && u.Scheme != "blob" && u.Scheme != "data") {
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
		b.Fatalf("%v\npage:\n%s\nbrowser: %q", err, page, b.complaints(""))
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

func (b *tab) text(id string) string {
	b.Helper()
	return value[string](b, fmt.Sprintf("document.getElementById(%q).innerText", id))
}

func (b *tab) signIn(r *rig, who person) {
	b.Helper()
	b.do(chromedp.Navigate(r.url+"/"), chromedp.WaitVisible(chromedp.CSS("#token")), chromedp.SendKeys(chromedp.CSS("#token"), who.token+kb.Enter), chromedp.WaitVisible(chromedp.CSS("#query")))
}

// ask puts a query into the editor and runs it as a person would.
func (b *tab) ask(query string) {
	b.Helper()
	b.do(chromedp.SetValue(chromedp.CSS("#query"), query), chromedp.Focus(chromedp.CSS("#query")),
		chromedp.KeyEvent(kb.Enter, chromedp.KeyModifiers(chromedp.ModifierCtrl)))
}

func (b *tab) picture(name string) {
	b.Helper()
	dir := os.Getenv(screenshots)
	if dir == "" {
		return
	}
	check(b.T, os.WriteFile(filepath.Join(dir, name+".png"), result(b, chromedp.CaptureScreenshot()), 0o644))
}
