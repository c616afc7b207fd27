package retention

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// units are those of ages, beside those of time.ParseDuration.
var units = map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour, "Y": 365 * 24 * time.Hour}

// ParseAge reads an age: a number of days, weeks or years, as in 365d, 52w or 1Y, or a duration as in 36h.
func ParseAge(text string) (time.Duration, error) {
	end := max(len(text)-1, 0)
	age, err := time.ParseDuration(text)
	if unit, ok := units[text[end:]]; ok {
		var n int64
		n, err = strconv.ParseInt(text[:end], 10, 32)
		if n > math.MaxInt64/int64(unit) {
			err = strconv.ErrRange
		}
		age = time.Duration(n) * unit
	}
	if err != nil || age <= 0 {
		return 0, fmt.Errorf("%q is not an age: give days, weeks, years or hours, as in 365d, 52w, 1Y, 36h", text)
	}
	return age, nil
}
