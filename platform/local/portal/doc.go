// Package portal simulates the three kinds of open-data portal that Llac reads: Socrata SODA 2.1, Idescat's tables
// v2 (JSON-stat 2.0) and the CKAN datastore. It speaks the portals' own HTTP protocols on 127.0.0.1, quirks and error
// bodies included, serves real facts where they could be carried (see facts/NOTICE.md) and rows drawn
// deterministically from them where not, and misbehaves on request (Fault).
//
// What must hold:
//
//   - Simulated is never mistaken for real (invariant 11): every response carries the header X-Llac-Source-System:
//     simulator, every Socrata and CKAN row the column ":@llac_origin", every JSON-stat data answer
//     extension.llac_origin, each saying "recorded" (a real fact, carried) or "invented". Links point to hosts under
//     simulator.invalid, which no name server resolves.
//   - Same options, same bytes: nothing but request ids, the Date header and the ports depends on the machine or the
//     time. Randomness comes from Options.Seed through a generator of our own, time from Options.UpdatedAt.
//   - A row asked for without $order comes in an order that depends on the page, as on the real portal: who forgets
//     $order=:id gets rows twice and others never.
//
// README.md lists what is invented.
package portal
