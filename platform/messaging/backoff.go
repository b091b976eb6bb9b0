package messaging

import (
	"math"
	"math/rand/v2"
	"time"
)

// Backoff says how long a message rests after a failed try: First after the first, twice as long after each
// further, at most Max, of which up to half is taken off at random so that messages that failed together do not come
// back together. SQS counts whole seconds; what rounds to none comes back at once.
type Backoff struct {
	First  time.Duration
	Max    time.Duration
	Random func() float64 // in [0,1); default: math/rand
}

// DefaultBackoff rests 5 s, 10 s, 20 s ... and at most 5 minutes.
var DefaultBackoff = Backoff{First: 5 * time.Second, Max: 5 * time.Minute}

// longestVisibility is the most that SQS lets a message be invisible.
const longestVisibility = 12 * time.Hour

// Seconds is the rest after the given number of receives (1 for the first), in whole seconds as SQS wants it.
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
