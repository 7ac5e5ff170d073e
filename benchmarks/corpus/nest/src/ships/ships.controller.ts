import { Body, Controller, Get, Header, NotFoundException, Param, ParseIntPipe, Post, Sse, StreamableFile, UploadedFile, UseInterceptors } from '@nestjs/common';
import { FileInterceptor } from '@nestjs/platform-express';
import { createReadStream } from 'fs';
import { join } from 'path';
import { of } from 'rxjs';
import { ShipDto } from './ship.dto';
import { ShipsService } from './ships.service';

@Controller('ships')
export class ShipsController {
  constructor(private readonly service: ShipsService) {}
  @Get() all() { return this.service.all(); }
  @Sse('events') events() { return of({ data: 'orca' }); }
  @Get('file') @Header('Content-Type', 'text/plain') file() { return new StreamableFile(createReadStream(join(process.cwd(), 'config', 'live.yaml'))); }
  @Get(':id') one(@Param('id', ParseIntPipe) id: number) {
    const ship = this.service.one(id);
    if (!ship) throw new NotFoundException();
    return ship;
  }
  @Post() add(@Body() ship: ShipDto) { return ship; }
  @Post('upload') @UseInterceptors(FileInterceptor('file')) upload(@UploadedFile() file: any) { return { name: file.originalname, size: file.size }; }
}
