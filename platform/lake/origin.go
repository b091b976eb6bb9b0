package lake

import (
	"net/url"

	"github.com/llac-project/llac/platform/source"
)

// Origin is the source system of data: the host of an official portal, SimulatorOrigin, or UnofficialOrigin of the server
// or person that they come from. It decides which data may be compared, combined or replaced.
//
// Invariant 11: simulated is never mistaken for real.
type Origin string

// SimulatorOrigin is the origin of what the portal simulator serves.
const SimulatorOrigin Origin = source.Simulator

// UnofficialOrigin returns the origin of data that no official portal sent: name is the host that served them, or the way
// by which they came, such as "manual".
func UnofficialOrigin(name string) Origin { return Origin(source.Unofficial(name)) }

// OfficialOrigin returns the origin of data that the portal at a contract's address sends: its host.
func OfficialOrigin(address string) Origin {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return Origin(source.Host(u))
}

// Simulated reports whether no official portal sent the data: they are simulated or unofficial. The empty origin, of data that
// come from no source, is not simulated.
func (o Origin) Simulated() bool {
	return o == SimulatorOrigin || source.IsUnofficial(string(o))
}

// Alike reports whether both origins are simulated or both are real. Only then may one be compared with, or continue, the
// other.
func (o Origin) Alike(other Origin) bool { return o.Simulated() == other.Simulated() }

// MayReplace reports whether data of this origin may be published over those of another: simulated data never replace real
// ones.
func (o Origin) MayReplace(published Origin) bool { return !o.Simulated() || published.Simulated() }

// MayReferTo reports whether data of this origin may be matched with, or looked up in, those of another: real data never
// refer to simulated ones.
func (o Origin) MayReferTo(reference Origin) bool { return o.Simulated() || !reference.Simulated() }

// MayJoin reports whether data of both origins may be parts of one snapshot: only when they come from the same place.
func (o Origin) MayJoin(other Origin) bool { return o == other }

// MayComeFrom reports whether data of this origin may have come from address, given the contract's address official. Only the
// contract's address serves official data; any other address serves simulated or unofficial data.
func (o Origin) MayComeFrom(address, official string) bool {
	return (address == official) == (o == OfficialOrigin(official))
}

// Origin returns the origin of the candidate's rows.
func (c Candidate) Origin() Origin { return Origin(c.SourceSystem) }

// Origin returns the origin of the published rows.
func (p *Pointer) Origin() Origin { return Origin(p.SourceSystem) }
