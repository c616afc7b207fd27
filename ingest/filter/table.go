package filter

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cybexp/cybexp/indicator"
	"github.com/cybexp/cybexp/tahoe"
)

// Table makes records of the rows of a CSV file: objects with the names of the columns where there is a header, lists where there is
// none. The zero value is that of a file of which nothing was read. A header is
//
//	type,value,date                      the first row, if it holds names and no values
//	# id,dateadded,url                   the last comment before the first row, if it has as many names as the row has cells
//	#columns: date,,type,value           this comment anywhere before the rows that it is for; columns without a name are left out
type Table struct {
	names   []string
	given   bool // by #columns
	comment []string
	begun   bool
}

// Comment reads a comment, without its #, that is split as rows are.
func (t *Table) Comment(cells []string) {
	if name, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(cells[0])), "columns:"); ok {
		t.names = append([]string{strings.TrimSpace(name)}, cells[1:]...)
		t.given = true
		return
	}
	if !t.begun {
		t.comment = cells
	}
}

// Row makes a record of a row; false if the row is the header.
func (t *Table) Row(cells []string) (tahoe.Value, bool) {
	if !t.begun {
		t.begun = true
		switch {
		case t.given:
		case isHeader(cells):
			t.names = unique(cells)
			return tahoe.Null(), false
		case len(cells) > 1 && len(t.comment) == len(cells) && isHeader(t.comment):
			t.names = unique(t.comment)
		}
	}
	if t.names == nil {
		var list []tahoe.Value
		for _, cell := range cells {
			list = append(list, tahoe.String(cell))
		}
		return tahoe.Array(list...), true
	}
	fields := make(map[string]tahoe.Value, len(cells))
	for i, cell := range cells {
		name := "column " + strconv.Itoa(i+1)
		if i < len(t.names) {
			name = t.names[i]
		}
		if name != "" && strings.TrimSpace(cell) != "" {
			fields[name] = tahoe.String(cell)
		}
	}
	return tahoe.Map(fields), true
}

// isHeader tells names of columns from values: at least one name is known, and nothing is an indicator, a number or a time.
func isHeader(cells []string) bool {
	known := false
	for _, cell := range cells {
		name := columnName(cell)
		if _, ok := indicator.Of(cell); ok {
			return false
		}
		if strings.Trim(cell, "0123456789.:-/ ") == "" && strings.TrimSpace(cell) != "" {
			return false
		}
		known = known || columns[name] != "" || slices.Contains(valueColumns, name) || slices.Contains(stampColumns, name)
	}
	return known
}

// unique gives each column a name of its own.
func unique(names []string) []string {
	var all []string
	for i, name := range names {
		name = strings.TrimSpace(name)
		if name == "" {
			name = "column " + strconv.Itoa(i+1)
		}
		for n, base := 2, name; slices.Contains(all, name); n++ {
			name = base + " " + strconv.Itoa(n)
		}
		all = append(all, name)
	}
	return all
}

var notName = regexp.MustCompile(`[^a-z0-9]+`)

// columnName makes "Dst IP" and dst_ip the same.
func columnName(name string) string {
	return strings.Trim(notName.ReplaceAllString(strings.ToLower(name), "_"), "_")
}

// Columns by what they hold. Of valueColumns and stampColumns the first that is there counts.
var (
	valueColumns = []string{"value", "indicator_value", "ioc_value", "ioc", "data", "indicator", "observable", "artifact", "name"}
	typeColumns  = []string{"indicator_type", "ioc_type", "type", "kind", "indicator"}
	stampColumns = []string{
		"timestamp", "first_seen_utc", "first_seen", "firstseen", "dateadded", "date_added", "detected_date", "submission_time", "valid_from", "date",
		"datetime", "time", "created", "modified", "last_seen", "last_online", "discover_time",
	}
)

// columns says which sub-type a column of a name holds.
var columns = map[string]string{
	"ip": "ipv4", "ip_address": "ipv4", "ipaddress": "ipv4", "ipv4": "ipv4", "ipv6": "ipv6", "dst_ip": "ipv4", "src_ip": "ipv4", "host_ip": "ipv4",
	"cidr": "cidr", "cidr_block": "cidr", "network": "cidr", "netblock": "cidr",
	"domain": "domain", "fqdn": "domain", "domain_name": "domain", "hostname": "hostname", "host": "hostname",
	"url": "url", "uri": "url",
	"email": "email_addr", "email_addr": "email_addr", "email_address": "email_addr",
	"md5": "md5", "md5_hash": "md5", "sha1": "sha1", "sha1_hash": "sha1", "sha256": "sha256", "sha256_hash": "sha256", "sha512": "sha512",
	"imphash": "imphash", "ssdeep": "ssdeep", "tlsh": "tlsh",
	"filename": "filename", "file_name": "filename", "itw_filename": "filename",
	"port": "port", "dst_port": "port",
	"mutex": "mutex", "pdb": "pdb", "pdb_string": "pdb", "asn": "asn", "cve": "cve_id", "cve_id": "cve_id",
	"vulnerability": "cve_id", "ip_src": "ipv4", "ip_dst": "ipv4", "email_src": "email_addr", "email_dst": "email_addr", "regkey": "regkey",
	"registry_key": "regkey", "user_agent": "user_agent",
}
