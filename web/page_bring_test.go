package web_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// brings uploads a file whose second line is no record, and reads what became of it.
func brings(t *testing.T, d *desk) {
	file := filepath.Join(t.TempDir(), "pot.json")
	check(t, os.WriteFile(file, []byte(strings.Replace(login, "198.51.100.7", "198.51.100.44", 1)+"\n{\"eventid\":\n"), 0o600))
	b := d.enter(390, 844, "light", d.admin)
	b.visit("/bring")
	b.until(`document.querySelector(".bring-drop input") !== null`)
	b.do(chromedp.SetUploadFiles(chromedp.CSS(".bring-drop input"), []string{file}))
	b.until(`document.querySelector("[name=typetag]")?.value === "cowrie"`)
	b.picture("bring-phone-light")
	b.click(".bring-file button", "Upload")
	b.shows(".bring-outcome", "1 of 2 records became 1 event")
	b.shows(".bring-outcome td", "invalid JSON")
	b.until(`[...document.querySelectorAll(".bring-outcome td[data-label=Lines]")].some((e) => e.innerText.trim() === "2")`)
	b.picture("bring-done-phone-light")
	b = d.enter(1280, 800, "dark", d.reader)
	b.visit("/bring")
	b.shows(".empty", "You administer no organisation")
}
