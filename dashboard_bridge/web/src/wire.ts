// Short names for what `/ops` says and hears; the types themselves are generated from the server's.

import type { ActCommand, Booking, BookingCard, EventData, CallState as ToldCall, VendorsData } from "./wire.gen";

export type { Booking, Line, OpsCommand, OpsMessage, ShopListing, SnapshotData, Timing, ToolCard } from "./wire.gen";

export type Act = ActCommand["act"];
export type CallEvent = EventData["event"];
export type CallPhase = ToldCall["state"];
export type Delta = EventData;
export type VendorState = VendorsData[keyof VendorsData];

/** An appointment in a transcript: `turn` is known when it was made while we looked. */
export type ShownBooking = BookingCard & { turn?: number };

export type CallState = Omit<ToldCall, "bookings"> & { bookings: ShownBooking[] };

/** An appointment as HTTP tells it: whole, or in short. */
export type AnyBooking = Booking | (BookingCard & { staff?: string });
