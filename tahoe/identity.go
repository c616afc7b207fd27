package tahoe

import (
	"math"
	"math/big"
)

// UserHash is the identity of a user. Only the e-mail address counts, as it is spelt.
func UserHash(email string, super bool) Hash { return sum(userImage(email, super)) }

func userImage(email string, super bool) string {
	if super {
		return "objectcybexp_superuser" + email
	}
	return "objectcybexp_user" + email
}

// OrgHash is the identity of an organisation. Only its short name counts, as it is spelt.
func OrgHash(orgname string) Hash { return sum(orgImage(orgname)) }

func orgImage(orgname string) string { return "objectcybexp_org" + orgname }

// QueryHash is the identity of a query that a user asks: the same within a clock hour. The qhash is the SHA-256 of the canonical text
// of the query, ts unix seconds.
func QueryHash(qtype, qhash, userid string, ts float64) Hash {
	return sum(queryImage(qtype, qhash, userid, ts))
}

func queryImage(qtype, qhash, userid string, ts float64) string {
	return "objectquery" + qtype + qhash + userid + hour(ts)
}

// hour numbers the clock hour of ts: whole seconds, divided by 3600 and rounded down.
func hour(ts float64) string {
	if math.IsNaN(ts) || math.IsInf(ts, 0) {
		ts = 0
	}
	seconds, _ := new(big.Float).SetFloat64(ts).Int(nil)
	return seconds.Div(seconds, big.NewInt(3600)).String()
}
