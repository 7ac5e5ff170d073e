import { Injectable } from '@nestjs/common';
@Injectable()
export class ShipsService {
  private readonly ships = [{ id: 1, name: 'orca' }, { id: 2, name: 'krill' }];
  all() { return this.ships; }
  one(id: number) { return this.ships.find((ship) => ship.id === id); }
}
