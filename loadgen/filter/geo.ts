import { isJsonObject, WrittenAsFloat } from './payload-json.ts';

export interface GeoPoint {
  lon: number;
  lat: number;
}

/** Mean radius of the Earth in meters, R₁ of GRS 80 (Moritz 2000), as the engine has it. */
const EARTH_RADIUS = 6_371_008.8;

/** A payload's `{lon, lat}`, undefined where it is none. */
export function geoPoint(value: unknown): GeoPoint | undefined {
  if (!isJsonObject(value)) return undefined;
  const [lon, lat] = [numberOf(value['lon']), numberOf(value['lat'])];
  return lon === undefined || lat === undefined ? undefined : { lon, lat };
}

export function numberOf(value: unknown): number | undefined {
  if (value instanceof WrittenAsFloat) return value.value;
  return typeof value === 'number' ? value : undefined;
}

const radians = (degrees: number): number => degrees * (Math.PI / 180);

/** Great-circle distance in meters by the haversine formula. */
export function haversine(a: GeoPoint, b: GeoPoint): number {
  const half = (from: number, to: number) => Math.sin(radians(to - from) / 2) ** 2;
  const h = half(a.lat, b.lat) + Math.cos(radians(a.lat)) * Math.cos(radians(b.lat)) * half(a.lon, b.lon);
  return EARTH_RADIUS * 2 * Math.asin(Math.sqrt(h));
}

/** Inside a box, its edges left out. A box whose left edge is right of its right one crosses the 180th meridian. */
export function inBox(point: GeoPoint, topLeft: GeoPoint, bottomRight: GeoPoint): boolean {
  const east = point.lon > topLeft.lon;
  const west = point.lon < bottomRight.lon;
  const across = topLeft.lon > bottomRight.lon;
  return (across ? east || west : east && west) && bottomRight.lat < point.lat && point.lat < topLeft.lat;
}

/** Inside the exterior ring and outside the interior ones, in the plane of degrees; on an edge is not inside. */
export function inPolygon(point: GeoPoint, exterior: readonly GeoPoint[], interiors: readonly GeoPoint[][]): boolean {
  return place(point, exterior) === 'inside' && interiors.every((ring) => place(point, ring) === 'outside');
}

/** Where a point is as to a closed ring, by the number of edges a ray from it crosses (Shimrat 1962). */
function place({ lon, lat }: GeoPoint, ring: readonly GeoPoint[]): 'inside' | 'outside' | 'edge' {
  let inside = false;
  for (let i = 1; i < ring.length; i += 1) {
    const a = ring[i - 1] as GeoPoint;
    const b = ring[i] as GeoPoint;
    const side = (b.lon - a.lon) * (lat - a.lat) - (lon - a.lon) * (b.lat - a.lat);
    const between = (x: number, p: number, q: number) => x >= Math.min(p, q) && x <= Math.max(p, q);
    if (side === 0 && between(lon, a.lon, b.lon) && between(lat, a.lat, b.lat)) return 'edge';
    if (a.lat > lat !== b.lat > lat && (b.lat > a.lat ? side > 0 : side < 0)) inside = !inside;
  }
  return inside ? 'inside' : 'outside';
}
