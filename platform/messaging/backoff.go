package messaging

import (
	"math"
	"math/rand/v2"
	"time"
)

// Backoff is the delay before a failed message is received again: First after the first attempt, then twice as long after
// each further attempt, and at most Max. Up to half of the delay is subtracted at random, so that messages that failed
// together do not return together. SQS counts whole seconds; a delay that rounds to 0 returns the message at once.
type Backoff struct {
	First  time.Duration
	Max    time.Duration
	Random func() float64 // in [0,1); default: math/rand
}

// DefaultBackoff delays 5 s, 10 s, 20 s, … and at most 5 minutes.
var DefaultBackoff = Backoff{First: 5 * time.Second, Max: 5 * time.Minute}

// longestVisibility is SQS's maximum visibility timeout.
const longestVisibility = 12 * time.Hour

// LongestWait is the longest time for which a message is put back at once. SQS counts its maximum of 12 hours from the receive; the
// rest is for the handling before.
const LongestWait = longestVisibility - 30*time.Minute

// SecondsUntil returns the whole seconds from now until a time, rounded up: at least 1, and at most those of LongestWait.
func SecondsUntil(now, until time.Time) int32 {
	return seconds(min(max(until.Sub(now), time.Second), LongestWait))
}

// Seconds returns the delay after the given number of receives (1 for the first), in whole seconds.
func (b Backoff) Seconds(receives int) int32 {
	most := min(b.Max, longestVisibility)
	d := float64(b.First) * math.Pow(2, float64(max(receives, 1)-1))
	d = min(d, float64(most))
	random := b.Random
	if random == nil {
		random = rand.Float64
	}
	d -= d / 2 * random()
	return int32(math.Round(d / float64(time.Second)))
}
