package web_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// draw asks a query and shows its graph, when nothing moves any more.
func (b *tab) draw(query string) {
	b.Helper()
	b.ask(query)
	b.state("ready")
	b.click("[role=tab]", "Graph")
	b.settled()
}

// settled waits until the graph has come to rest.
func (b *tab) settled() {
	b.Helper()
	b.until(`document.querySelector(".graph-canvas")?.dataset.settled === "true" && document.querySelector(".graph-bar .busy") === null
		&& /^[1-9]/.test(document.querySelector(".graph-count strong").innerText)`)
}

// pick picks a node by what it says, as one does without a mouse: in the list, with the keyboard.
func (b *tab) pick(text string) {
	b.Helper()
	b.click(".graph-side [role=tab]", "Nodes")
	b.fill(".graph-nodes input", text)
	const says = `document.querySelector(".graph-nodes .grid-row%s")?.innerText.includes(%q)`
	b.until(fmt.Sprintf(says, "", text))
	b.do(chromedp.Focus(chromedp.CSS(".graph-nodes .grid")), chromedp.KeyEvent(kb.Home))
	b.until(fmt.Sprintf(says, "[aria-selected=true]", text))
	b.click(".graph-side [role=tab]", "Node")
}

// nodes is how many nodes the graph shows.
func (b *tab) nodes() int {
	b.Helper()
	return value[int](b, `Number(document.querySelector(".graph-count strong").innerText.split(" ")[0].replace(/\D/g, ""))`)
}

// graphOfAResult goes on from a picture as an analyst does.
func graphOfAResult(t *testing.T, d *desk) {
	b := d.enter(1280, 800, "light", d.reader)
	b.draw("events | limit 150")
	b.shows(".graph-count", "100 of 150 rows are in")
	begun := b.nodes()
	if begun < 120 || begun > 300 {
		t.Errorf("%d nodes at first, want the 100 events and what they share, and at most 300", begun)
	}
	b.picture("graph-light")
	b.click(".graph-foot button", "More rows")
	b.until(fmt.Sprintf(`%d <= Number(document.querySelector(".graph-count strong").innerText.split(" ")[0])`, begun+50))
	b.settled()
	b.click(".graph-bar button", "Undo")
	b.shows(".graph-count strong", fmt.Sprintf("%d of", begun))

	b.pick("198.51.100.7")
	b.shows(".graph-node", "seen in 2,300 events, 2,300 of them malicious")
	b.shows(".graph-around", "2,300")
	query := value[string](b, `document.querySelector(".graph-around .button:not(.only-icon)").title`)
	if !strings.HasPrefix(query, "attribute ") || !strings.HasSuffix(query, "| events login | page 1 size 100") {
		t.Errorf("the query behind the button: got %q", query)
	}
	b.click(".graph-around button", "Draw up to 100 of 1+ session")
	b.shows(".graph-count strong", fmt.Sprintf("%d of", begun+1))
	b.settled()
	b.do(chromedp.KeyEvent("x"))
	b.shows(".graph-count", "1 hidden")
	b.do(chromedp.KeyEvent("u"), chromedp.KeyEvent("u"))
	b.shows(".graph-count strong", fmt.Sprintf("%d of", begun))
	b.settled()
	b.picture("graph-picked-light")

	b.pick("00:38:19")
	b.click(".graph-node button", "Details")
	b.click(".see-bar [role=tab]", "Table")
	b.shows(".grid-row[aria-selected=true]", "00:38:19")
}

func graphPaths(t *testing.T, d *desk) {
	b := d.enter(1280, 800, "dark", d.reader)
	b.draw("password pass3")
	b.pick("pass3")
	b.click(".graph-node button", "Path from here")
	b.pick("root")
	b.click(".graph-node button", "Path from pass3")
	b.shows(".toast", "of 2 edges")
	b.settled()
	b.click(".graph-side [role=tab]", "Steps")
	b.shows(".graph-steps", "password pass3 | path to username root paths 5")
	b.shows(".graph-legend", "the path")
	b.picture("graph-path-dark")
	b.draw("path ipv4 198.51.100.7 to password pass3 paths 2")
	b.shows(".graph-count strong", "4 of 4 nodes")
}

func graphFilters(t *testing.T, d *desk) {
	b := d.enter(390, 844, "dark", d.reader)
	b.draw("events | limit 30")
	all := b.nodes()
	b.picture("graph-phone-dark")
	b.click(".graph-side [role=tab]", "Filter")
	b.click(".graph-type", "password")
	b.shows(".graph-count", "hidden or filtered")
	few := b.nodes()
	if few != all-25 {
		t.Errorf("without passwords %d nodes of %d, want 25 less", few, all)
	}
	b.fill("[name=graph-least]", "20")
	b.until(fmt.Sprintf(`Number(document.querySelector(".graph-count strong").innerText.split(" ")[0]) < %d`, few-30))
	b.fill("[name=graph-least]", "0")
	b.click(".graph-type", "password")
	b.shows(".graph-count strong", fmt.Sprintf("%d of %d", all, all))
	// The events are a second apart, the last of them at 00:38:19.
	b.fill("[name=graph-from]", "2025-04-12 00:38:10")
	b.click(".graph-side [role=tab]", "Nodes")
	b.fill(".graph-nodes input", "login")
	b.until(`document.querySelector(".graph-nodes .grid")?.ariaRowCount === "11"`)
	b.settled()
	b.picture("graph-phone-filtered-dark")
}

func graphFiles(t *testing.T, d *desk) {
	b := d.enter(1280, 800, "light", d.reader)
	dir := b.downloads()
	b.draw("events | limit 20 | related | graph")
	want := b.nodes()
	b.until(`document.querySelector(".see-bar [role=tab][aria-selected=true]").innerText === "Graph"`)
	save := func(kind, name string) []byte {
		b.click(".graph-bar button", "Save")
		b.click("[role=menuitem]", kind)
		return readDownload(t, filepath.Join(dir, name))
	}
	var graph struct {
		Nodes []struct {
			Hash      string
			Sightings *int
		}
		Edges []struct{ From, To string }
	}
	check(t, json.Unmarshal(save("JSON", "graph.json"), &graph))
	if len(graph.Nodes) != want || len(graph.Edges) < want {
		t.Errorf("JSON: %d nodes and %d edges, want %d nodes and more edges", len(graph.Nodes), len(graph.Edges), want)
	}
	table := must(csv.NewReader(strings.NewReader(string(save("CSV", "graph.csv")))).ReadAll())(t)
	if len(table) != want+1 || table[0][0] != "hash" {
		t.Errorf("CSV: %d lines that begin with %q, want %d", len(table), table[0], want+1)
	}
	picture := must(png.Decode(strings.NewReader(string(save("PNG", "graph.png")))))(t)
	if picture.Bounds().Dx() != 3200 {
		t.Errorf("PNG: got %v", picture.Bounds())
	}
	if circles := strings.Count(readable(t, save("SVG", "graph.svg")), "<circle"); circles < want {
		t.Errorf("SVG: %d circles, want one a node at least, of %d", circles, want)
	}
	var bundle struct{ Objects []map[string]any }
	check(t, json.Unmarshal(save("STIX", "*.stix.json"), &bundle))
	if len(bundle.Objects) < want {
		t.Errorf("STIX: %d objects, want %d at least", len(bundle.Objects), want)
	}
}

// readable makes sure that a text is XML.
func readable(t *testing.T, text []byte) string {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(string(text))); ; {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return string(text)
		}
		check(t, err)
	}
}

// graphWithoutWebGL shows the same as a table, on which all can be done.
func graphWithoutWebGL(t *testing.T, d *desk) {
	b := d.open(1280, 800, "light")
	_ = result(b, answered(page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
		Source: `const get = HTMLCanvasElement.prototype.getContext;
			HTMLCanvasElement.prototype.getContext = function (kind, ...more) { return kind.startsWith("webgl") ? null : get.call(this, kind, ...more); };`,
	}))
	b.visit("/")
	b.signIn(d.reader)
	b.ask("events | limit 30")
	b.state("ready")
	b.click("[role=tab]", "Graph")
	b.shows(".graph-stage .note", "no WebGL")
	b.until(`Number(document.querySelector(".graph-nodes .grid")?.ariaRowCount) > 31`)
	b.click(".graph-nodes .grid-row", "198.51.100.7")
	b.shows(".graph-around", "2,300")
	b.picture("graph-no-webgl")
}

// downloads makes files that the page saves go to a folder.
func (b *tab) downloads() string {
	b.Helper()
	dir := b.TempDir()
	info := result(b, answered(target.GetTargetInfo, target.GetTargetInfoParams{}))
	b.do(command(browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllow, BrowserContextID: info.TargetInfo.BrowserContextID, DownloadPath: dir,
	}))
	return dir
}

// answered makes an action of a command of the browser's protocol that answers something.
func answered[P, R any](c cdp.Command[P, R], params P) chromedp.Action[R] {
	return func(ctx context.Context, t *chromedp.Target) (R, error) { return cdp.Call(ctx, t, c, params) }
}

// readDownload waits for a file and takes it. While it comes, its name is that of an empty one, or of one of another kind.
func readDownload(t *testing.T, pattern string) []byte {
	t.Helper()
	var found []string
	eventually(t, pattern, func() bool {
		found = must(filepath.Glob(pattern))(t)
		if len(found) != 1 || len(must(filepath.Glob(filepath.Join(filepath.Dir(pattern), "*.crdownload")))(t)) > 0 {
			return false
		}
		return must(os.Stat(found[0]))(t).Size() > 0
	})
	data := must(os.ReadFile(found[0]))(t)
	check(t, os.Remove(found[0]))
	return data
}
