package portal

import "math/bits"

// random is the splitmix64 generator. It is implemented here because its sequence must be the same in every version of Go:
// a golden digest pins the register's bytes.
type random struct{ state uint64 }

func (r *random) next() uint64 {
	r.state += 0x9e3779b97f4a7c15
	return mix(r.state)
}

// mix is splitmix64's output function. It is also used as a hash of a number.
func mix(z uint64) uint64 {
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}

// below returns a number in [0, n); 0 when n is not positive.
func (r *random) below(n int) int {
	if n <= 0 {
		return 0
	}
	high, _ := bits.Mul64(r.next(), uint64(n))
	return int(high)
}

// between returns a number in [low, high].
func (r *random) between(low, high int) int { return low + r.below(high-low+1) }

// perMille returns true with a probability of n in a thousand.
func (r *random) perMille(n int) bool { return r.below(1000) < n }

// weighted draws indexes with the given weights. Negative weights count as zero.
type weighted struct{ upTo []int }

func newWeighted(weights []int) weighted {
	w := weighted{upTo: make([]int, len(weights))}
	sum := 0
	for i, x := range weights {
		sum += max(x, 0)
		w.upTo[i] = sum
	}
	return w
}

// draw returns an index, or 0 when all weights are zero.
func (w weighted) draw(r *random) int {
	if len(w.upTo) == 0 {
		return 0
	}
	x := r.below(w.upTo[len(w.upTo)-1])
	low, high := 0, len(w.upTo)-1
	for low < high {
		middle := (low + high) / 2
		if x < w.upTo[middle] {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low
}
