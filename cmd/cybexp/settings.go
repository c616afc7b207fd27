package main

import (
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cybexp/cybexp/certs"
	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/reportd"
	"github.com/cybexp/cybexp/telemetry"
)

// defaultData is the data folder of a platform started in the working directory.
const defaultData = "data"

// role is a set of the commands that run the platform or parts of it.
type role uint

const (
	roleUp role = 1 << iota
	roleWeb
	roleReportd
	roleIngest
	roleImport
	roleBackup
	roleRestore
	roleDoctor

	roleServers = roleUp | roleWeb | roleReportd | roleIngest
	roleStores  = roleBackup | roleRestore | roleDoctor // read and write the stores themselves
)

// roleNames are the commands, in the order in which they are told.
var roleNames = []struct {
	role role
	name string
}{{roleUp, "up"}, {roleWeb, "web"}, {roleReportd, "reportd"}, {roleIngest, "ingest"}, {roleImport, "import"}, {roleBackup, "backup"}, {roleRestore, "restore"}, {roleDoctor, "doctor"}}

// names lists the commands of a set.
func (r role) names() []string {
	var list []string
	for _, n := range roleNames {
		if r&n.role != 0 {
			list = append(list, n.name)
		}
	}
	return list
}

// settings is what a deployment can set. Each is a line of the table below.
type settings struct {
	data          string
	dgraph        string // dgraph://host:port of a cluster; empty for an embedded one
	dgraphHTTP    string
	dgraphTLS     certs.Client
	dgraphBin     string
	dgraphOffset  string
	dgraphMemory  int    // MiB; 0 is a quarter of what there is
	nats          string // nats://host:port of a cluster; empty for an embedded one
	natsTLS       certs.Client
	natsCreds     string // file
	natsReplicas  int
	listen        string
	tls           certs.Server // of listen; admin has its certificate too
	adminCA       string
	demo          bool
	logLevel      string
	logFormat     string
	reportWorkers int
	watches       int
	userWatches   int
	userQueries   int
	queryTime     time.Duration
	queryRows     uint64
	queryWork     uint64
	reportTTL     time.Duration
	historyTTL    time.Duration
	maxRecord     int
	backlog       int // MiB
	backlogAge    time.Duration
	uploadsTTL    time.Duration
	minFree       int // MiB
	auditTTL      time.Duration
	sources       sourceLimits
	proxies       []string // addresses or networks
	exchange      string   // folder that the alphas of a cluster see too
	retain        []string // AGE or ORG=AGE
	retainDead    string   // AGE
	admin         string   // ADDR; empty is none
	trace         string   // URL of an OTLP collector; empty is none
	traceShare    float64
}

// setting is one thing that a deployment can set: the flag --NAME of the commands of roles, the variable CYBEXP_NAME, and the key NAME of
// cybexp.yaml.
type setting struct {
	*pflag.Flag

	part  string // heading in the reference
	roles role
}

// table is the one list of settings, bound to s. A new setting is a field of settings and a line here.
func (s *settings) table() []setting {
	r, in := reportd.DefaultConfig(), ingest.DefaultConfig()
	var t table

	t.part = "The platform"
	t.add(roleServers|roleImport|roleStores, pathVar(&s.data, "data", defaultData, "data `DIR`: keys, tokens, and what embedded servers store"))
	t.add(roleUp, boolVar(&s.demo, "demo", "make an organisation \"demo\" and load a small real honeypot sample"))
	t.add(roleServers|roleImport|roleStores, textVar(&s.logLevel, "log-level", "info", "debug, info, warn or error"))
	t.add(roleServers|roleImport|roleStores, textVar(&s.logFormat, "log-format", "text", "text or json"))

	t.part = "The database"
	t.add(roleServers|roleStores, textVar(&s.dgraph, "dgraph", "", "use the Dgraph at this `URL`, dgraph://host:9080[,host:9080…]: the first alpha that answers"))
	t.add(roleServers|roleStores, textVar(&s.dgraphHTTP, "dgraph-http", "", "`URL` of that Dgraph's HTTP port (default: on the same host, port less 1000)"))
	t.add(roleServers|roleStores, pathVar(&s.dgraphTLS.CA, "dgraph-ca", "", "PEM `FILE` with the CAs of that Dgraph, which is spoken to over TLS then (default: none)"))
	t.add(roleServers|roleStores, pathVar(&s.dgraphTLS.Cert, "dgraph-cert", "", "PEM `FILE` with the certificate that Dgraph is shown (default: none)"))
	t.add(roleServers|roleStores, pathVar(&s.dgraphTLS.Key, "dgraph-key", "", "PEM `FILE` with its private key"))
	t.add(roleUp|roleImport|roleStores, textVar(&s.dgraphOffset, "dgraph-offset", "0",
		"`N` is added to the ports of the embedded Dgraph, auto finds free ones; 0 is where Ratel looks"))
	t.add(roleUp|roleImport|roleStores, pathVar(&s.dgraphBin, "dgraph-bin", "", "dgraph program of the embedded Dgraph (default: beside this program, in ../lib/cybexp from there, then in PATH)"))
	t.add(roleUp|roleImport|roleStores, intVar(&s.dgraphMemory, "dgraph-memory", 0, "`MIB` that the embedded Dgraph aims to stay under (default: a quarter of what there is)"))
	t.add(roleUp|roleWeb|roleStores, pathVar(&s.exchange, "exchange", "", "`DIR` that the alphas of --dgraph see under the same path, for backups (default: none)"))

	t.part = "The bus"
	t.add(roleServers|roleStores, textVar(&s.nats, "nats", "", "use the NATS JetStream at this `URL`, nats://host:4222[,nats://…]"))
	t.add(roleServers|roleStores, pathVar(&s.natsCreds, "nats-creds", "", "`FILE` with NATS credentials, or with one line user:password (default: none)"))
	t.add(roleServers|roleStores, pathVar(&s.natsTLS.CA, "nats-ca", "", "PEM `FILE` with the CAs of that NATS, which is spoken to over TLS then (default: none)"))
	t.add(roleServers|roleStores, pathVar(&s.natsTLS.Cert, "nats-cert", "", "PEM `FILE` with the certificate that NATS is shown (default: none)"))
	t.add(roleServers|roleStores, pathVar(&s.natsTLS.Key, "nats-key", "", "PEM `FILE` with its private key"))
	t.add(roleServers|roleStores, intVar(&s.natsReplicas, "nats-replicas", 0, "`COPIES` that a cluster of NATS keeps, 1 to 5 (default: as it is, and 1 at first)"))

	t.part = "HTTP"
	t.add(roleUp|roleWeb|roleDoctor, textVar(&s.listen, "listen", defaultListen, "`ADDR` to serve on; port 0 is any free one"))
	t.add(roleServers|roleDoctor, pathVar(&s.tls.Cert, "tls-cert", "", "PEM `FILE` with the certificate of --listen and --admin, which speak TLS then; read again when renewed (default: none)"))
	t.add(roleServers, pathVar(&s.tls.Key, "tls-key", "", "PEM `FILE` with its private key"))
	t.add(roleUp|roleWeb, pathVar(&s.tls.ClientCA, "tls-client-ca", "", "PEM `FILE` with CAs: who connects to --listen must have a certificate of one (default: anybody may)"))
	t.add(roleUp|roleWeb, listVar(&s.proxies, "proxy", "`NET` of reverse proxies, such as 10.0.0.0/24, whose X-Forwarded-For and -Proto are believed"))
	t.add(roleUp|roleWeb, timeVar(&s.auditTTL, "audit-ttl", 2*365*24*time.Hour, "`TIME` for which the audit trail is kept; 0 is for ever"))

	t.part = "Watching over it"
	t.add(roleServers|roleDoctor, textVar(&s.admin, "admin", "",
		"`ADDR` of a port for /metrics, /healthz, /readyz and, from this machine only, /debug/pprof; not for the public (default: none)"))
	t.add(roleServers, pathVar(&s.adminCA, "admin-client-ca", "", "PEM `FILE` with CAs: who connects to --admin must have a certificate of one (default: anybody may)"))
	t.add(roleServers, textVar(&s.trace, "trace", "", "`URL` of a collector that takes OpenTelemetry traces (OTLP over HTTP), http://127.0.0.1:4318 (default: none)"))
	t.add(roleServers, shareVar(&s.traceShare, "trace-share", 1, "`SHARE` of the traces that begin here which are kept, 0 to 1"))

	t.part = "Uploads"
	t.add(roleUp|roleWeb|roleIngest, intVar(&s.maxRecord, "max-record", in.MaxRecord, "`BYTES` of the longest record that an upload may have"))
	t.add(roleUp|roleWeb|roleIngest, intVar(&s.backlog, "max-backlog", int(in.Backlog>>20), "`MIB` that may wait to be worked on before uploads are told to wait; a chunk counts as 16 KiB at least"))
	t.add(roleUp|roleWeb|roleIngest, timeVar(&s.backlogAge, "max-backlog-age", in.BacklogAge, "`AGE` of the oldest of it before new uploads are told to wait"))
	t.add(roleUp|roleWeb|roleIngest, intVar(&s.minFree, "min-free", int(in.MinFree>>20), "`MIB` of the disk that uploads leave free"))
	t.add(roleUp|roleWeb|roleIngest, timeVar(&s.uploadsTTL, "uploads-ttl", in.Keep,
		"`TIME` for which it is kept what became of an upload, and what came of it, to take it back; the same for web and ingest"))

	t.part = "Retention"
	t.add(roleUp|roleIngest, listVar(&s.retain, "retain", "`AGE` after which events go for good, such as 365d, or ORG=AGE for those of one organisation (default: never)"))
	t.add(roleUp|roleIngest, textVar(&s.retainDead, "retain-dead", "", "`AGE` after which dead letters go for good, such as 90d (default: never)"))

	t.part = "Sources"
	t.add(roleUp|roleIngest, boolVar(&s.sources.private, "sources-private", "let sources reach addresses that are not public"))
	t.add(roleUp|roleIngest, pathVar(&s.sources.files, "sources-files", "", "`DIR` whose files sources may read (default: none)"))
	t.add(roleUp|roleIngest|roleDoctor, textVar(&s.sources.listen, "sources-listen", "", "`HOST` that sources of kind syslog may listen on, such as 0.0.0.0 (default: none)"))
	t.add(roleUp|roleIngest|roleDoctor, pathVar(&s.sources.tls.Cert, "sources-cert", "", "PEM `FILE` with the certificate of syslog over TLS, read again when renewed (default: none)"))
	t.add(roleUp|roleIngest, pathVar(&s.sources.tls.Key, "sources-key", "", "PEM `FILE` with its private key"))
	t.add(roleUp|roleIngest, pathVar(&s.sources.tls.ClientCA, "sources-client-ca", "", "PEM `FILE` with CAs: who sends syslog over TLS must have a certificate of one (default: anybody may)"))

	t.part = "Reports"
	t.add(roleUp|roleReportd, intVar(&s.reportWorkers, "workers", r.Workers, "queries that run at a time"))
	t.add(roleUp|roleReportd, intVar(&s.watches, "watches", r.Watches, "watches that run at a time, beside the queries"))
	t.add(roleUp|roleReportd, intVar(&s.userWatches, "user-watches", r.UserWatches, "watches of one user that run at a time, on all servers together; 0 is no limit"))
	t.add(roleUp|roleReportd, countVar(&s.queryRows, "query-rows", r.QueryRows, "`ROWS` that a report may have; 0 is no limit"))
	t.add(roleUp|roleReportd, countVar(&s.queryWork, "query-work", r.QueryWork, "`VERTICES` that a query may read; 0 is no limit"))
	t.add(roleUp|roleReportd, timeVar(&s.historyTTL, "history-ttl", r.HistoryTTL, "`TIME` for which the graph tells who asked what; 0 is for ever"))
	// Those who ask and those who answer must agree on these.
	both := roleUp | roleWeb | roleReportd
	t.add(both, timeVar(&s.queryTime, "query-time", r.QueryTime, "`TIME` that a query may take, less than --report-ttl; the same for web and reportd"))
	t.add(both, timeVar(&s.reportTTL, "report-ttl", r.ReportTTL, "`TIME` for which reports and their rows are kept; the same for web and reportd"))
	t.add(both, intVar(&s.userQueries, "user-queries", r.UserQueries,
		"queries of one user that wait or run, on all servers together; 0 is no limit; the same for web and reportd"))
	return t.list
}

// bind gives a command the flags of the settings that its roles have, and the file that they may come from.
func (s *settings) bind(cmd *cobra.Command, roles role) {
	for _, one := range s.table() {
		if one.roles&roles != 0 {
			addSetting(cmd, one.Flag)
		}
	}
}

// bindData gives a client or a tool the data folder alone.
func bindData(cmd *cobra.Command, p *string, usage string) {
	addSetting(cmd, pathVar(p, "data", defaultData, usage))
}

// setDefault gives one command another default than the table's.
func setDefault(cmd *cobra.Command, name, value string) {
	f := cmd.Flags().Lookup(name)
	if err := f.Value.Set(value); err != nil {
		panic(err) // the value stands in the code
	}
	f.DefValue = value
}

func (s *settings) logger(a *app) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.logLevel)); err != nil {
		return nil, usageError{fmt.Errorf("--log-level %q is not debug, info, warn or error", s.logLevel)}
	}
	opts := &slog.HandlerOptions{Level: level}
	switch s.logFormat {
	case "text":
		return slog.New(telemetry.LogHandler(slog.NewTextHandler(a.stderr, opts))), nil
	case "json":
		return slog.New(telemetry.LogHandler(slog.NewJSONHandler(a.stderr, opts))), nil
	}
	return nil, usageError{fmt.Errorf("--log-format %q is not text or json", s.logFormat)}
}

// trusted reads the networks of proxies.
func (s *settings) trusted() ([]netip.Prefix, error) {
	nets := make([]netip.Prefix, len(s.proxies))
	for i, text := range s.proxies {
		p, err := netip.ParsePrefix(text)
		if a, err2 := netip.ParseAddr(text); err2 == nil {
			p, err = a.Prefix(a.BitLen())
		}
		if err != nil {
			return nil, usageError{fmt.Errorf("--proxy %q is neither an address nor a network", text)}
		}
		nets[i] = p
	}
	return nets, nil
}
