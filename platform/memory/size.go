package memory

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is an amount of memory in bytes. It is a flag.Value and a pflag.Value.
type Size int64

// Least is the minimum budget of a stage's process. The program alone takes a large part of it.
const Least Size = 192 << 20

// units are the units that Parse accepts, binary and decimal.
var units = []struct {
	name  string
	bytes int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
	{"B", 1},
}

// Parse reads "256MiB", "1.5 GiB", "300MB" or "268435456".
func Parse(text string) (Size, error) {
	number, unit := strings.TrimSpace(text), int64(1)
	for _, u := range units {
		if n, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = strings.TrimSpace(n), u.bytes
			break
		}
	}
	// The error does not contain the text: it may come from the environment and be a secret.
	wrong := fmt.Errorf("want an amount of memory, such as 256MiB, 1GiB, 300MB, or a number of bytes")
	if strings.Trim(number, "0123456789.") != "" {
		return 0, wrong // no sign, no exponent, no infinity
	}
	if n, err := strconv.ParseInt(number, 10, 64); err == nil && n <= math.MaxInt64/unit {
		return Size(n * unit), nil
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || f*float64(unit) >= math.MaxInt64 {
		return 0, wrong
	}
	return Size(f * float64(unit)), nil
}

// String returns the amount in the largest binary unit of which it is a whole number.
func (s Size) String() string {
	for _, u := range []struct {
		name  string
		bytes Size
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if s != 0 && s%u.bytes == 0 {
			return strconv.FormatInt(int64(s/u.bytes), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// Set implements flag.Value.
func (s *Size) Set(text string) error {
	n, err := Parse(text)
	if err == nil {
		*s = n
	}
	return err
}

// Type implements pflag.Value.
func (s *Size) Type() string { return "size" }
