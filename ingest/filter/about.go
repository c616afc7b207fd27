package filter

// Format tells people about a format that has a filter.
type Format struct {
	Typetag string `json:"typetag"`
	About   string `json:"about"`
	Records string `json:"records"` // what is a record of it
	// Loose says that the filter makes something of much that is of another format too.
	Loose bool `json:"-"`
}

// Formats lists the formats that have a filter, those first by which a record is told most surely.
func Formats() []Format {
	return []Format{
		{Typetag: "tahoe", About: "events that are made already, as TAHOE documents", Records: "an event, of JSON"},
		{Typetag: "stix", About: "STIX 2.0 and 2.1: bundles, indicators, observed data", Records: "a bundle or an object of JSON"},
		{Typetag: "misp_event", About: "MISP events as the server exports them", Records: "an event of JSON, or the answer to a search"},
		{Typetag: "cowrie", About: "Cowrie honeypot, SSH and Telnet, its JSON log", Records: "a line, or an object of a list"},
		{Typetag: "suricata", About: "Suricata's eve.json: alerts, flows, DNS, HTTP, TLS, files", Records: "a line"},
		{Typetag: "zeek", About: "Zeek logs, with tabs or as JSON", Records: "a line"},
		{Typetag: "phishtank_feed", About: "PhishTank's list of URLs that phish: CSV or JSON", Records: "a row, or an object of the list"},
		{Typetag: "email", About: "e-mail: a message as it came, or a mailbox", Records: "a message"},
		{Typetag: "csv", About: "indicators of compromise in a table", Records: "a row", Loose: true},
		{Typetag: "indicators", About: "indicators of compromise, one a line", Records: "a line", Loose: true},
		{Typetag: "openphish_feed", About: "OpenPhish's list of URLs that phish", Records: "a line", Loose: true},
		{Typetag: "sighting", About: "what was seen, as flat JSON objects", Records: "an object", Loose: true},
	}
}
