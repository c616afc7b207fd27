package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// printAnswer prints what the server answered: to a program the JSON as it is, to a person in lines and tables.
func (a *app) printAnswer(text json.RawMessage) error {
	if !isTerminal(a.stdout) {
		return a.printJSON(text)
	}
	return showAnswer(a.stdout, text)
}

// showAnswer shows a person an object: its members a line each, lists of objects as tables. What is empty, false or null is left out.
func showAnswer(out io.Writer, text json.RawMessage) error {
	members, err := membersOf(text)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	lines := 0
	for _, m := range members {
		var rows []json.RawMessage
		if json.Unmarshal(m.value, &rows) == nil && (len(rows) == 0 || bytes.HasPrefix(rows[0], []byte("{"))) {
			if lines > 0 {
				fmt.Fprintln(w)
			}
			if err := showTable(w, m.name, rows); err != nil {
				return err
			}
		} else if text := plainCell(m.value); text != "" {
			fmt.Fprintf(w, "%s\t%s\n", m.name, text)
		}
		lines++
	}
	return w.Flush()
}

// showTable shows objects a line each. Hashes, which are long, go last.
func showTable(w io.Writer, name string, rows []json.RawMessage) error {
	if len(rows) == 0 {
		fmt.Fprintf(w, "no %s\n", name)
		return nil
	}
	var columns []string
	table := make([]map[string]string, len(rows))
	for i, row := range rows {
		members, err := membersOf(row)
		if err != nil {
			return err
		}
		table[i] = map[string]string{}
		for _, m := range members {
			table[i][m.name] = plainCell(m.value)
			if table[i][m.name] != "" && !slices.Contains(columns, m.name) {
				columns = append(columns, m.name)
			}
		}
	}
	if i := slices.Index(columns, "hash"); i >= 0 {
		columns = append(slices.Delete(columns, i, i+1), "hash")
	}
	fmt.Fprintln(w, strings.ToUpper(strings.Join(columns, "\t")))
	for _, row := range table {
		cells := make([]string, len(columns))
		for i, c := range columns {
			cells[i] = row[c]
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return nil
}

// plainCell is a value for a person; empty for none and for false.
func plainCell(v json.RawMessage) string {
	switch text := cellText(v); text {
	case "true":
		return "yes"
	case "false", "[]", "{}":
		return ""
	default:
		return printable(text)
	}
}

// jsonMember is a member of a JSON object.
type jsonMember struct {
	name  string
	value json.RawMessage
}

// membersOf reads an object in the order in which it is written.
func membersOf(text json.RawMessage) (list []jsonMember, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("read answer: %w", err)
		}
		m := jsonMember{name: fmt.Sprint(name)}
		if err := d.Decode(&m.value); err != nil {
			return nil, fmt.Errorf("read answer: %w", err)
		}
		list = append(list, m)
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	return list, nil
}
