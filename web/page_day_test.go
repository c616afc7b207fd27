package web_test

import (
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// aDay is an analyst's with a real honeypot's log: bring it, ask what README asks, see when it happened and what hangs together, and follow.
func aDay(t *testing.T, d *desk) {
	sample, err := filepath.Abs(filepath.Join("..", "cmd", "cybexp", "demo", "cowrie.json"))
	check(t, err)
	b := d.enter(1280, 800, "light", d.admin)
	b.visit("/watches")
	b.fill("[name=tdql]", "events login where username = mozna")
	b.shows(".watch-list", "watching")
	b.visit("/bring")
	b.until(`document.querySelector(".bring-drop input") !== null`)
	b.do(chromedp.SetUploadFiles(chromedp.CSS(".bring-drop input"), []string{sample}))
	b.until(`document.querySelector("[name=typetag]")?.value === "cowrie"`)
	b.click(".bring-file button", "Upload")
	b.shows(".bring-outcome", "622 of 622 records became 455 events")
	b.picture("day-brought-light")
	b.shows(".toast", "match")

	b.visit("/")
	b.ask("ipv4 10.10.23.27 | events login | attributes password | top 2")
	b.state("ready")
	b.shows(".grid-row", "esterka")
	b.shows(".grid-row", "43")
	b.ask("ipv4 10.10.23.27 | events category malicious")
	b.state("ready")
	b.shows(".life", "455 rows")
	b.until(`document.querySelector(".timeline canvas") !== null`)
	b.picture("day-asked-light")
	b.click("[role=tab]", "Graph")
	b.settled()
	b.picture("day-graph-light")
}
