package filter

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cybexp/cybexp/indicator"
	"github.com/cybexp/cybexp/tahoe"
)

// applyIndicators maps indicators of compromise: a row of a table as Table makes it, or text with one indicator a line. Whoever lists
// an indicator holds it to be malicious, unless a column says otherwise.
func applyIndicators(in Input) (Result, error) {
	data := textOf(in.Data)
	if text, ok := data.Str(); ok {
		return indicatorLines(in, text)
	}
	r := &row{record: record{fields: data}}
	var h happening
	switch {
	case data.Type() == tahoe.TypeObject:
		h.children = r.named()
	case len(data.Elements()) > 0:
		h.children = r.unnamed()
	default:
		return Result{}, fmt.Errorf("%w: it is no row and no text", ErrFormat)
	}
	h.subType, h.category = "sighting", r.category()
	if len(present(h.children)) == 0 {
		if len(r.problems) == 0 {
			r.problem("row", "no cell is an indicator, the row is kept")
		}
		return Result{Problems: r.problems}, nil
	}
	h.context = suspects(h.children)
	h.stamp = r.time(in)
	var result Result
	if e := r.happen(in, "row", h); e != nil {
		result.Events = []*tahoe.Event{e}
	}
	result.Problems = r.problems
	return result, nil
}

// suspects are the nodes that the list is about: all but ports, which are good and bad at once.
func suspects(nodes []tahoe.Node) []tahoe.Node {
	return slices.DeleteFunc(whole(present(nodes)), func(n tahoe.Node) bool { return n.SubType() == "port" })
}

// textOf gives the text of a record that is text, {"data": "…"}, and any other as it is; JSON in a string counts for what it is.
func textOf(data tahoe.Value) tahoe.Value {
	if text, ok := data.Get("data"); ok && (len(data.Keys()) == 1 || data.Keys()[1] == "encoding") {
		data = text
	}
	if inner := unwrap(data); inner.Type() == tahoe.TypeObject || inner.Type() == tahoe.TypeArray {
		return inner
	}
	return data
}

// lineField names a line of a text; text of one line needs no number.
func lineField(text string, number int) string {
	if !strings.Contains(strings.TrimSpace(text), "\n") {
		return "data"
	}
	return fmt.Sprintf("line %d", number)
}

// row is a row of a table.
type row struct {
	record

	stampText, stampField string
}

// time is that of the row, or of its arrival.
func (r *row) time(in Input) float64 {
	if r.stampText != "" {
		text := loosen(r.stampText)
		if strings.HasSuffix(columnName(r.stampField), "_utc") && !hasZone(text) {
			text += "Z"
		}
		t, err := parseStamp(text, r.zone(text, in.Timezone))
		if err == nil {
			return unixSeconds(t)
		}
		r.problem(r.stampField, "%v, the time of arrival stands in", err)
	}
	return unixSeconds(in.Received)
}

// loosen makes stamps of tables those that parseStamp reads: 2019/01/04 10:12:00, 2023-02-10, 20161108, 2019-01-07 07:13:47 UTC.
func loosen(text string) string {
	text, utc := strings.CutSuffix(strings.TrimSpace(text), " UTC")
	text = strings.ReplaceAll(text, "/", "-")
	if len(text) == 8 && strings.Trim(text, "0123456789") == "" {
		text = text[:4] + "-" + text[4:6] + "-" + text[6:]
	}
	if len(text) == len("2006-01-02") {
		text += "T00:00:00"
	}
	if len(text) == len("2006-01-02 15:04") {
		text += ":00"
	}
	if utc {
		text += "Z"
	}
	return text
}

// column is the first column of the names, in their order.
func (r *row) column(names []string) (field, text string) {
	for _, name := range names {
		for _, key := range r.fields.Keys() {
			if columnName(key) == name && strings.TrimSpace(r.text(key)) != "" {
				return key, strings.TrimSpace(r.text(key))
			}
		}
	}
	return "", ""
}

// named makes nodes of a row whose columns have names.
func (r *row) named() []tahoe.Node {
	r.stampField, r.stampText = r.column(stampColumns)
	typeField, kind := r.column(typeColumns)
	valueField, value := r.column(valueColumns)
	if typeField == valueField {
		typeField, kind = "", ""
	}
	if typeField != "" && valueField != "" {
		return r.typed(valueField, kind, value)
	}
	if nodes := r.direct(); len(nodes) > 0 || valueField == "" {
		return nodes
	}
	return r.guess(valueField, value)
}

// direct takes columns that are named for what they hold. What tells of one file is put together, and so are address and port.
func (r *row) direct() []tahoe.Node {
	var nodes, file, end []tahoe.Node
	for _, key := range r.fields.Keys() {
		subType := columns[columnName(key)]
		text := strings.TrimSpace(r.text(key))
		if subType == "" || text == "" {
			continue
		}
		node := r.fact(subType, key, tahoe.String(text))
		switch subType {
		case "md5", "sha1", "sha256", "sha512", "imphash", "ssdeep", "tlsh", "filename", "pdb":
			file = append(file, node)
		case "ipv4", "ipv6", "hostname", "port":
			if subType == "port" {
				node = r.port(key, text)
			}
			end = append(end, node)
		default:
			nodes = append(nodes, node)
		}
	}
	return append(append(nodes, r.together("file", file)...), r.together("dst", end)...)
}

// together makes an object of nodes if there is more than one.
func (r *row) together(subType string, nodes []tahoe.Node) []tahoe.Node {
	if nodes = present(nodes); len(nodes) < 2 {
		return nodes
	}
	return []tahoe.Node{r.object(subType, nodes...)}
}

func (r *row) port(field, text string) tahoe.Node {
	v, err := tahoe.ParseValue([]byte(text))
	if n, ok := v.Int(); err != nil || !ok || n < 0 || n > 65535 {
		r.problem(field, "%.60q is no port", text)
		return nil
	}
	return r.make("port", field, v)
}

// remarks are types of rows that are about the list, or say nothing that two lists would have in common.
var remarks = []string{"description", "comment", "text", "note", "link", "reference", "other", "title", "report", "malware_family"}

// typed makes nodes of a value whose kind stands beside it. What the value is counts more than what it is called.
func (r *row) typed(field, kind, value string) []tahoe.Node {
	name := columnName(kind)
	if slices.Contains(remarks, name) {
		r.problem(field, "is a %.40q and no indicator, the row is kept", kind)
		return nil
	}
	if _, recognised := indicator.WithPort(value); recognised {
		return r.guess(field, value)
	}
	kinds, values := strings.Split(kind, "|"), strings.Split(value, "|")
	if len(kinds) == 2 && len(values) == 2 { // filename|sha256, as MISP has it
		return r.together("file", append(r.typed(field, kinds[0], values[0]), r.typed(field, kinds[1], values[1])...))
	}
	if subType := columns[name]; subType != "" {
		return []tahoe.Node{r.fact(subType, field, tahoe.String(value))}
	}
	if name == "indicator" || name == "" || len(name) > 40 {
		return r.guess(field, value)
	}
	return []tahoe.Node{r.fact(identifier(name), field, tahoe.String(value))}
}

// unnamed makes nodes of a row without names. A cell that is the name of a kind stands before its value; else the first indicator counts.
func (r *row) unnamed() []tahoe.Node {
	var cells []string
	for _, e := range r.fields.Elements() {
		text := ""
		if e.IsScalar() {
			text = strings.TrimSpace(e.Text())
		}
		cells = append(cells, text)
		if _, err := parseStamp(loosen(text), r.zone("Z", "")); err == nil && r.stampText == "" {
			r.stampText, r.stampField = text, "column"
		}
	}
	for i, cell := range cells {
		if columns[columnName(cell)] != "" && i+1 < len(cells) && cells[i+1] != "" {
			return r.typed("column", cell, cells[i+1])
		}
	}
	for _, cell := range cells {
		if _, ok := indicator.WithPort(cell); ok {
			return r.guess("column", cell)
		}
	}
	return nil
}

// guess makes nodes of a value by what it looks like.
func (r *row) guess(field, value string) []tahoe.Node {
	found, ok := indicator.WithPort(value)
	if !ok {
		r.problem(field, "%.60q is no indicator that is known, the row is kept", value)
		return nil
	}
	node := r.make(found.SubType, field, tahoe.String(found.Value))
	if found.Port == "" {
		return []tahoe.Node{node}
	}
	return []tahoe.Node{r.object("dst", node, r.port(field, found.Port))}
}

// category is malicious, unless the row says that it lists what is good, or that it does not know.
func (r *row) category() tahoe.Category {
	_, class := r.column([]string{"classification", "verdict", "category", "to_ids"})
	switch strings.ToLower(class) {
	case "legitimate", "benign", "clean", "whitelist", "allowlist", "good":
		return tahoe.Benign
	case "unknown", "unrated", "0", "false":
		return tahoe.Unknown
	}
	return tahoe.Malicious
}

// indicatorLines maps text: an indicator a line, with a remark behind it or none.
func indicatorLines(in Input, text string) (Result, error) {
	r := &row{}
	var result Result
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "//") || strings.HasPrefix(line, ";") {
			continue
		}
		field := lineField(text, number)
		found, ok := inLine(line)
		if !ok {
			r.problem(field, "%.60q is no indicator that is known", line)
			continue
		}
		nodes := present(r.guess(field, found))
		e := r.happen(in, field, happening{"sighting", unixSeconds(in.Received), nodes, tahoe.Malicious, suspects(nodes)})
		if e != nil {
			result.Events = append(result.Events, e)
		}
	}
	if len(result.Events) == 0 && len(r.problems) == 0 {
		r.problem("data", "holds no indicator")
	}
	result.Problems = r.problems
	return result, nil
}

// inLine finds the indicator of a line: the whole line, or its first word; behind the address that hosts files have, the second.
func inLine(line string) (string, bool) {
	if _, ok := indicator.WithPort(line); ok {
		return line, true
	}
	line, _, _ = strings.Cut(line, " #")
	words := strings.FieldsFunc(line, func(c rune) bool { return strings.ContainsRune(" \t,;|", c) })
	if len(words) > 1 && (words[0] == "0.0.0.0" || words[0] == "127.0.0.1") {
		words = words[1:]
	}
	if len(words) == 0 {
		return "", false
	}
	word := strings.Trim(words[0], `"'`)
	_, ok := indicator.WithPort(word)
	return word, ok
}
