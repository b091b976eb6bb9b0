// Package portal simulates the kinds of open-data portal that Llac reads: Socrata SODA 2.1, Idescat's tables v2 (JSON-stat
// 2.0) and the CKAN datastore. It implements the portals' HTTP protocols on 127.0.0.1, including their peculiarities and
// error bodies. It serves real facts where they could be copied (see facts/NOTICE.md), and otherwise rows generated
// deterministically from them. It misbehaves on request (Fault).
//
// What must hold:
//
//   - Simulated is never mistaken for real (invariant 11): every response carries the header X-Llac-Source-System:
//     simulator, every Socrata and CKAN row the column ":@llac_origin", every JSON-stat data answer
//     extension.llac_origin, each "recorded" (a real fact, copied) or "invented". Links point to hosts under
//     simulator.invalid, which no name server resolves.
//   - The same options give the same bytes: only request ids, the Date header and the ports depend on the machine or the
//     time. Randomness comes from Options.Seed, time from Options.UpdatedAt.
//   - Without $order, rows come in an order that depends on the page, as on the real portal: a client without $order=:id
//     receives some rows twice and others never.
//
// README.md lists what is invented.
package portal
